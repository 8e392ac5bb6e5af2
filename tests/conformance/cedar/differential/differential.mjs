// node differential.mjs --runner PATH [--cases N] [--seed N] [--workers N]
// Asks cedar_runner and the official engine the same N random questions and compares: decision, reasons, errors, the
// policies that are not valid, and whether something is refused at all. Prints each difference and each crash of the
// official engine with its seed, the sums every 30 s, and in the end (also after SIGINT or SIGTERM) a line of JSON. Exit
// 0: no difference; 1: one or more, or interrupted, or the official engine crashed too often for the run to say much;
// 77: the official engine is not installed. --only SEED shows one seed's questions and answers.

import { existsSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { Supervisor } from './supervisor.mjs';

const SKIPPED = 77;
const PROGRESS_MS = 30_000;
const MAX_CRASHES = 0.001; // of the cases

const { values: options } = parseArgs({
  options: { runner: { type: 'string' }, cases: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' }, workers: { type: 'string', default: '2' }, only: { type: 'string' } },
});
const npmFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../../deploy/npm');
if (!existsSync(path.join(npmFolder, 'node_modules/@cedar-policy/cedar-wasm'))) {
  process.stderr.write('needs npm ci --ignore-scripts in deploy/npm\n');
  process.exit(process.env.CI === 'true' ? 1 : SKIPPED);
}

const print = (text) => process.stdout.write(`${text}\n`);

const supervisor = new Supervisor({
  runner: options.runner,
  npmFolder,
  seed: Number(options.only ?? options.seed),
  cases: Number(options.cases),
  workers: Number(options.workers),
  print,
});

async function compare() {
  const progress = setInterval(() => print(`progress ${JSON.stringify(supervisor.totals())}`), PROGRESS_MS);
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => supervisor.stop());
  try {
    await supervisor.run();
  } finally {
    clearInterval(progress);
    const totals = supervisor.totals();
    print(JSON.stringify(totals));
    const crashed = totals.oracleCrashes > Math.max(1, totals.cases * MAX_CRASHES);
    process.exitCode = totals.differences > 0 || totals.interrupted || crashed ? 1 : 0;
  }
}

await (options.only === undefined ? compare() : supervisor.show());
