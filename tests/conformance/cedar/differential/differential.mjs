// node differential.mjs --runner PATH [--cases N] [--seed N] [--workers N]
// Asks cedar_runner and the official engine the same N random questions and compares: decision, reasons, errors, the
// policies that are not valid, and whether something is refused at all. Exit 0: no difference; 1: one or more, each
// printed with its seed; 77: the official engine is not installed. --only SEED shows one seed's questions and answers.

import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const SKIPPED = 77;
const MAX_SHOWN = 20;
const SEEDS_AT_ONCE = 400; // of one process: V8 and the engine's memory do not live for ever

const { values: options } = parseArgs({
  options: { runner: { type: 'string' }, cases: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' }, workers: { type: 'string', default: '2' }, only: { type: 'string' } },
});
const here = path.dirname(fileURLToPath(import.meta.url));
const npmFolder = path.resolve(here, '../../../../deploy/npm');
if (!existsSync(path.join(npmFolder, 'node_modules/@cedar-policy/cedar-wasm'))) {
  process.stderr.write('needs npm ci --ignore-scripts in deploy/npm\n');
  process.exit(process.env.CI === 'true' ? 1 : SKIPPED);
}

const totals = { cases: 0, seeds: 0, differences: 0, explained: 0, traps: 0, restarts: 0, seen: {} };

function add(report) {
  for (const key of ['cases', 'differences', 'explained', 'traps']) totals[key] += report[key];
  for (const [key, count] of Object.entries(report.seen)) totals.seen[key] = (totals.seen[key] ?? 0) + count;
  totals.seeds += SEEDS_AT_ONCE;
}

/** The report of one process; undefined when it died. execArgv: options of node. */
function runOnce(first, count, execArgv) {
  return new Promise((resolve) => {
    const child = fork(path.join(here, 'worker.mjs'), [options.runner, npmFolder, String(first), String(count), options.only === undefined ? '' : 'show'], { execArgv });
    let report;
    child.on('message', (message) => {
      if (message.report !== undefined) report = message.report;
      else if (totals.differences < MAX_SHOWN) process.stdout.write(`${message.difference}\n`);
    });
    child.on('close', () => resolve(report));
  });
}

// V8's optimising compiler crashes now and then (node 20.20, "unreachable code" in its deoptimizer), not always at the
// same seeds. A process that died is started again without it; that it dies again is an error.
async function run(first, count) {
  const report = await runOnce(first, count, []);
  if (report !== undefined) return report;
  totals.restarts += 1;
  const again = await runOnce(first, count, ['--no-opt']);
  if (again === undefined) throw new Error(`the worker died twice at the seeds from ${first} on`);
  return again;
}

async function main() {
  if (options.only !== undefined) {
    await run(Number(options.only), 1);
    return;
  }
  let next = Number(options.seed);
  const wanted = Number(options.cases);
  const work = async () => {
    while (totals.cases < wanted) {
      const first = next;
      next += SEEDS_AT_ONCE;
      add(await run(first, SEEDS_AT_ONCE));
    }
  };
  await Promise.all(Array.from({ length: Number(options.workers) }, work));
  process.stdout.write(`${JSON.stringify(totals)}\n`);
  process.exitCode = totals.differences === 0 ? 0 : 1;
}

await main();
