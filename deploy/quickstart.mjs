#!/usr/bin/env node
// The quickstart's driver: deploy/quickstart installs and builds, then hands over to this. See quickstart-lib/README.md.
import { existsSync, mkdirSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { parseArguments, UsageError } from './quickstart-lib/args.mjs';

const CLONE = fileURLToPath(new URL('..', import.meta.url)).replace(/\/$/, '');
const RUNS = path.join(CLONE, 'build', 'quickstart');
const PROGRAMS = ['custody-signerd', 'custody-noded', 'custodyctl', 'custody-ceremony'];
const STEP_MS = 120_000;
const TOTAL_MS = 600_000;
const STOP_MS = 5_000;
const HEALTH_MS = 500;
const EXIT = { done: 0, failed: 1, usage: 2, unfit: 4, interrupted: 130 }; // 3, something is missing, is deploy/quickstart's

/** build/quickstart/PID, or with a number behind it when an older process of that number left one. */
function freshDirectory() {
  const base = path.join(RUNS, String(process.pid));
  let candidate = base;
  for (let index = 2; existsSync(candidate); index++) candidate = `${base}-${index}`;
  return candidate;
}

function findPrograms(folder) {
  const programs = Object.fromEntries(PROGRAMS.map((name) => [name, path.join(folder, name)]));
  const missing = PROGRAMS.filter((name) => !existsSync(programs[name]));
  if (missing.length > 0) throw new Error(`${folder} has no ${missing.join(', ')}: start deploy/quickstart, which builds them`);
  return programs;
}

/** Runs until the signal, or until something that must run ends. */
async function keepRunning(job, reporter, signal) {
  const { chains } = job.endpoints();
  reporter.line('\nEverything keeps running until Ctrl-C. To try:');
  for (const hint of job.hints()) reporter.line(`  ${hint}`);
  for (const [currency, chain] of Object.entries(chains)) reporter.line(`  ${currency} node: ${chain.url} (password in ${chain.password_file})`);
  reporter.event({ event: 'ready', endpoints: job.endpoints() });
  while (!signal.aborted) {
    job.assertHealthy();
    await sleep(HEALTH_MS, undefined, { signal }).catch(() => {});
  }
}

async function main() {
  let args;
  try {
    args = parseArguments(process.argv.slice(2), freshDirectory());
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`quickstart: ${error.message}\nTry deploy/quickstart --help\n`);
    return EXIT.usage;
  }
  // Everything below needs the npm packages.
  const { Reporter } = await import('./quickstart-lib/report.mjs');
  const { Interrupted, StepRunner } = await import('./quickstart-lib/steps.mjs');
  const { ProcessTable } = await import('./quickstart-lib/processes.mjs');
  const { NodeUnfit } = await import('./quickstart-lib/chains.mjs');
  const { Job } = await import('./quickstart-lib/job.mjs');
  const { writeSummary } = await import('./quickstart-lib/summary.mjs');

  let programs;
  try {
    programs = findPrograms(path.resolve(process.env.CUSTODY_QUICKSTART_BIN ?? path.join(CLONE, 'build', 'release', 'bin')));
  } catch (error) {
    process.stderr.write(`quickstart: ${error.message}\n`);
    return EXIT.failed;
  }
  process.umask(0o077);
  mkdirSync(args.dir, { recursive: true, mode: 0o700 });
  const reporter = new Reporter({ json: args.json });
  const processes = new ProcessTable();
  const runner = new StepRunner({ reporter, stepMs: STEP_MS * args.timeScale, totalMs: TOTAL_MS * args.timeScale, health: () => job.assertHealthy() });
  const job = new Job({ arguments: args, programs, processes, runner, walletsDir: path.join(RUNS, 'wallets') });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(signal, () => {
      // The second one does not wait for anybody.
      if (runner.interruption.signal.aborted) process.exit(EXIT.interrupted);
      reporter.line(`\n${signal}: stopping everything`);
      runner.interrupt(`interrupted by ${signal}`);
    });
  }

  reporter.line(`Working directory: ${args.dir}`);
  let code = EXIT.done;
  try {
    await job.run();
    job.summary.ok = true;
  } catch (error) {
    code = EXIT.failed;
    if (error instanceof NodeUnfit) code = EXIT.unfit;
    if (runner.interruption.signal.aborted) code = EXIT.interrupted;
    Object.assign(job.summary, { ok: false, failed_step: runner.current ?? 'start', error: error.message });
    reporter.line(`\n${reporter.style('failed', `Failed in step ${job.summary.failed_step}`)}: ${error.message}`);
    reporter.line(`Logs: ${path.join(args.dir, 'member-*', 'logs')} and ${path.join(args.dir, 'chains')}`);
    if (!(error instanceof Interrupted) && process.env.CUSTODY_QUICKSTART_TRACE === '1') process.stderr.write(`${error.stack}\n`);
  }
  Object.assign(job.summary, { steps: runner.done, seconds: reporter.elapsed() });
  const summaryFile = writeSummary(args.dir, job.summary);
  reporter.line(`${code === EXIT.done ? `\nDone in ${reporter.elapsed().toFixed(1)} s. ` : ''}Summary: ${summaryFile}`);
  if (code === EXIT.done && !args.keep) reporter.line('To look around in the running network: deploy/quickstart --keep');
  reporter.event({ event: 'summary', path: summaryFile });

  if (code === EXIT.done && args.keep) {
    try {
      await keepRunning(job, reporter, runner.interruption.signal);
    } catch (error) {
      code = EXIT.failed;
      reporter.line(`Failed while kept running: ${error.message}`);
    }
  }
  await job.stop();
  for (const name of await processes.stopAll(STOP_MS)) process.stderr.write(`warning: ${name} did not stop on SIGTERM within ${STOP_MS} ms and was killed\n`);
  return code;
}

process.exit(await main());
