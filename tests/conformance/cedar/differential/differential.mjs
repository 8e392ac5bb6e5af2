// node differential.mjs --runner PATH [--cases N] [--seed N]
// Asks cedar_runner and the official engine the same N random cases and compares: decision, reasons, errors, the
// policies that are not valid, and whether something is refused at all. Exit 0: no difference; 1: one or more, each
// printed with the seed of its case (--seed S --cases 1 repeats it); 77: the official engine is not installed.

import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { makeCase } from './cases.mjs';
import { Oracle } from './oracle.mjs';

const SKIPPED = 77;
const MAX_SHOWN = 20;
const IN_FLIGHT = 64;

const { values: options } = parseArgs({
  options: { runner: { type: 'string' }, cases: { type: 'string', default: '20000' }, seed: { type: 'string', default: '1' }, show: { type: 'boolean', default: false } },
});
const npmFolder = path.resolve(path.dirname(fileURLToPath(import.meta.url)), '../../../../deploy/npm');
if (!existsSync(path.join(npmFolder, 'node_modules/@cedar-policy/cedar-wasm'))) {
  process.stderr.write('needs npm ci --ignore-scripts in deploy/npm\n');
  process.exit(process.env.CI === 'true' ? 1 : SKIPPED);
}

class Runner {
  constructor(file) {
    this.child = spawn(file, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async ask(job) {
    if (!this.child.stdin.write(`${JSON.stringify(job)}\n`)) await new Promise((resolve) => { this.child.stdin.once('drain', resolve); });
  }
  async answer() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('cedar_runner ended');
    return JSON.parse(value);
  }
  close() {
    this.child.stdin.end();
  }
}

function runnerJobs(job, oracle) {
  const policies = job.policies.join('\n');
  const schema = job.jsonSchema ? oracle.jsonSchema(job.schema) ?? job.schema : job.schema;
  const jobs = [{ op: 'authorize', policies, schema, entities: job.entities, request: job.request, validateRequest: job.validateRequest, links: job.links }];
  if (job.validate) jobs.push({ op: 'validate', policies, schema, links: job.links });
  return jobs;
}

// What is compared of our answer.
function essence(answer) {
  if (answer.error !== undefined) return 'refused';
  if (answer.decision !== undefined) return JSON.stringify([answer.decision, answer.reason, answer.errors]);
  return JSON.stringify([answer.valid, answer.policies ?? [...new Set(answer.errors.map(({ policy }) => policy))].sort()]);
}

function expected(answer) {
  return essence(answer.policies === undefined ? answer : { ...answer, policies: [...answer.policies].sort() });
}

// An attribute that a schema declares twice: the official reader of schema text keeps the last one, ours refuses.
function isExplained(got) {
  return /the attribute .* is declared twice/.test(got.error ?? '');
}

async function main() {
  const oracle = new Oracle(npmFolder);
  const runner = new Runner(options.runner);
  const count = Number(options.cases);
  const first = Number(options.seed);
  const seen = {};
  let differences = 0;
  let explained = 0;
  const waiting = [];
  const judge = async () => {
    const { seed, job, asked, wanted } = waiting.shift();
    const got = await runner.answer();
    if (wanted === undefined) return;
    const key = `${asked.op}: ${wanted.error !== undefined ? 'refused' : wanted.decision ?? (wanted.valid ? 'valid' : 'invalid')}${wanted.errors?.length > 0 ? ', some err' : ''}`;
    seen[key] = (seen[key] ?? 0) + 1;
    if (options.show) process.stdout.write(`${JSON.stringify({ asked, wanted, got }, null, 1)}\n`);
    if (expected(wanted) === essence(got)) return;
    if (isExplained(got)) {
      explained += 1;
      return;
    }
    differences += 1;
    if (differences <= MAX_SHOWN) process.stdout.write(`difference, seed ${seed}, ${job.kind}\n${asked.policies}\nwanted ${JSON.stringify(wanted)}\ngot    ${JSON.stringify(got)}\n\n`);
  };
  for (let seed = first; seed < first + count; seed += 1) {
    const job = makeCase(seed);
    for (const asked of runnerJobs(job, oracle)) {
      waiting.push({ seed, job, asked, wanted: oracle[asked.op](job) });
      await runner.ask(asked);
      if (waiting.length >= IN_FLIGHT) await judge();
    }
  }
  while (waiting.length > 0) await judge();
  runner.close();
  process.stdout.write(`${JSON.stringify({ cases: count, seed: first, differences, explained, traps: oracle.traps, seen })}\n`);
  process.exitCode = differences === 0 ? 0 : 1;
}

await main();
