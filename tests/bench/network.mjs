#!/usr/bin/env node
// Four members as the quickstart makes them, with money on the ledger; then a client measures them.
// network.mjs BIN DIRECTORY MEASURE: BIN holds the programs, DIRECTORY is made anew. The measure's line goes to standard output.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { parseArguments } from '../../deploy/quickstart-lib/args.mjs';
import { Job } from '../../deploy/quickstart-lib/job.mjs';
import { ProcessTable } from '../../deploy/quickstart-lib/processes.mjs';
import { Reporter } from '../../deploy/quickstart-lib/report.mjs';
import { StepRunner } from '../../deploy/quickstart-lib/steps.mjs';

const PROGRAMS = ['custody-signerd', 'custody-noded', 'custodyctl', 'custody-ceremony', 'bench_network'];
const STEP_MS = 600_000;
const STOP_MS = 5_000;
const BANK_HAS = '5'; // BTC, of Alice's

/** Runs the client to its end; its progress is seen while it works. Returns its standard output. */
async function client(program, args, signal) {
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', program, ...args], { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const [printed, [code, killed]] = await Promise.all([text(child.stdout), once(child, 'close')]);
  if (code !== 0) throw new Error(`${path.basename(program)} ${args[0]} ended with ${code ?? killed}`);
  return printed;
}

async function measure(world, programs, name, signal) {
  // The external chains stand still from here on: nothing but transfers enters the blocks.
  await Promise.all(world.miners.map((miner) => miner.stop()));
  const address = (await client(programs.bench_network, ['address'], signal)).trim();
  await world.alice.pay(signal, { address }, BANK_HAS, 'BTC');
  const sockets = world.members.map((member) => path.join(member.dir, 'run', 'node.sock'));
  return client(programs.bench_network, [name, ...sockets], signal);
}

async function main([bin, directory, name]) {
  const programs = Object.fromEntries(PROGRAMS.map((program) => [program, path.resolve(bin, program)]));
  process.umask(0o077);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  const args = parseArguments(['--until', 'swap', '--dir', directory], directory);
  const processes = new ProcessTable();
  const reporter = new Reporter({ json: true, out: process.stderr });
  const runner = new StepRunner({ reporter, stepMs: STEP_MS, totalMs: STEP_MS, health: () => processes.assertHealthy() });
  const job = new Job({ arguments: args, programs, processes, runner, walletsDir: path.join(directory, 'given') });
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => runner.interrupt(`interrupted by ${signal}`));
  let line = '';
  try {
    await job.run();
    await runner.run('measure', name, async (step) => { line = await measure(job.world, programs, name, step.signal); });
  } finally {
    await job.stop();
    await processes.stopAll(STOP_MS);
  }
  process.stdout.write(line);
}

await main(process.argv.slice(2));
process.exit(0);
