// worker.mjs RUNNER NPM_FOLDER FIRST_SEED COUNT [show]: the questions of some seeds, asked and compared. Started by
// differential.mjs, which gets {difference: text} for each and {report} at the end.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { makeCase } from './cases.mjs';
import { Oracle } from './oracle.mjs';

const IN_FLIGHT = 64;

const [runnerFile, npmFolder, firstText, countText, show] = process.argv.slice(2);

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

// [what cedar_runner is asked, what the official engine answered (undefined: it trapped)]
function* questions(job, oracle) {
  const policies = job.policies.join('\n');
  const schema = job.jsonSchema ? oracle.jsonSchema(job.schema) ?? job.schema : job.schema;
  if (oracle.prepare(job) === undefined) return;
  for (const request of job.requests) {
    yield [{ op: 'authorize', policies, schema, entities: job.entities, request, validateRequest: job.validateRequest, links: job.links }, oracle.authorize(job, request)];
  }
  if (job.validate) yield [{ op: 'validate', policies, schema, links: job.links }, oracle.validate(job)];
}

// What is compared of an answer.
function essence(answer) {
  if (answer.error !== undefined) return 'refused';
  if (answer.decision !== undefined) return JSON.stringify([answer.decision, answer.reason, answer.errors]);
  const policies = answer.policies ?? answer.errors.map(({ policy }) => policy);
  return JSON.stringify([answer.valid, [...new Set(policies)].sort()]);
}

// An attribute that a schema declares twice: the official reader of schema text keeps the last one, ours refuses.
function isExplained(got) {
  return /the attribute .* is declared twice/.test(got.error ?? '');
}

function outcome({ op }, answer) {
  if (answer.error !== undefined) return `${op}: refused`;
  return `${op}: ${answer.decision ?? (answer.valid ? 'valid' : 'invalid')}${answer.errors?.length > 0 ? ', some err' : ''}`;
}

const oracle = new Oracle(npmFolder);
const runner = new Runner(runnerFile);
const report = { cases: 0, differences: 0, explained: 0, traps: 0, seen: {} };
const waiting = [];

async function judge() {
  const { seed, asked, wanted } = waiting.shift();
  const got = await runner.answer();
  if (show === 'show') process.stdout.write(`${JSON.stringify({ asked, wanted, got }, null, 1)}\n`);
  if (wanted === undefined) return;
  report.cases += 1;
  const key = outcome(asked, wanted);
  report.seen[key] = (report.seen[key] ?? 0) + 1;
  if (essence(wanted) === essence(got)) return;
  if (isExplained(got)) {
    report.explained += 1;
    return;
  }
  report.differences += 1;
  process.send({ difference: `difference, seed ${seed}\n${asked.policies}\nwanted ${JSON.stringify(wanted)}\ngot    ${JSON.stringify(got)}\n` });
}

for (let seed = Number(firstText); seed < Number(firstText) + Number(countText); seed += 1) {
  for (const [asked, wanted] of questions(makeCase(seed), oracle)) {
    waiting.push({ seed, asked, wanted });
    await runner.ask(asked);
    if (waiting.length >= IN_FLIGHT) await judge();
  }
}
while (waiting.length > 0) await judge();
runner.close();
report.traps = oracle.traps;
process.send({ report }, () => process.disconnect());
