// worker.mjs RUNNER NPM_FOLDER: a process that asks and compares the questions of some seeds. Its parent (supervisor.mjs)
// sends {first, count, careful, skip, show} and gets {report}, or {failed: why}, after which the process ends. careful:
// each question is announced as {asking: "seed S, case N"} before it is asked, so that the parent knows which one killed
// the process; skip: the ones not to ask.

import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { makeCase } from './cases.mjs';
import { engineLoader, Oracle } from './oracle.mjs';

const IN_FLIGHT = 64;

const [runnerFile, npmFolder] = process.argv.slice(2);

class Runner {
  constructor(file) {
    this.child = spawn(file, [], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.child.stdin.on('error', () => {}); // its end is seen where its answers are read
    this.ended = new Promise((resolve) => { this.child.on('close', resolve); });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async ask(job) {
    if (this.child.stdin.write(`${JSON.stringify(job)}\n`)) return;
    await Promise.race([new Promise((resolve) => { this.child.stdin.once('drain', resolve); }), this.ended]);
  }
  async answer() {
    const { value, done } = await this.lines.next();
    if (done) throw new Error('cedar_runner ended');
    return JSON.parse(value);
  }
}

// [what cedar_runner is asked, how the official engine is asked the same]
function* questions(job, oracle) {
  const policies = job.policies.join('\n');
  let { schema } = job;
  if (job.jsonSchema) {
    const answer = oracle.jsonSchema(schema);
    if (answer.crashed !== undefined) yield [{ op: 'schema', policies: schema }, () => answer];
    schema = answer.json ?? schema;
  }
  for (const request of job.requests) {
    yield [{ op: 'authorize', policies, schema, entities: job.entities, request, validateRequest: job.validateRequest, links: job.links }, () => oracle.authorize(job, request)];
  }
  if (job.validate) yield [{ op: 'validate', policies, schema, links: job.links }, () => oracle.validate(job)];
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

function judge(report, { at, asked, wanted }, got) {
  const key = outcome(asked, wanted);
  report.seen[key] = (report.seen[key] ?? 0) + 1;
  if (essence(wanted) === essence(got)) {
    report.agreed += 1;
  } else if (isExplained(got)) {
    report.explained += 1;
  } else {
    report.differences.push(`difference, ${at}\n${asked.policies}\nwanted ${JSON.stringify(wanted)}\ngot    ${JSON.stringify(got)}\n`);
  }
}

const toParent = (message) => new Promise((resolve) => { process.send(message, resolve); });

async function work(oracle, runner, { first, count, careful, skip, show }) {
  const report = { agreed: 0, explained: 0, differences: [], crashes: [], restarts: -oracle.restarts, seen: {} };
  const waiting = [];
  const judgeOne = async () => {
    const question = waiting.shift();
    const got = await runner.answer();
    if (show) process.stdout.write(`${JSON.stringify({ ...question, got }, null, 1)}\n`);
    judge(report, question, got);
  };
  for (let seed = first; seed < first + count; seed += 1) {
    let number = 0;
    if (careful) await toParent({ asking: `seed ${seed}` });
    for (const [asked, ask] of questions(makeCase(seed), oracle)) {
      const at = `seed ${seed}, case ${number}`;
      number += 1;
      if (skip.includes(at)) continue;
      if (careful) await toParent({ asking: at });
      const wanted = ask();
      if (wanted.crashed !== undefined) {
        report.crashes.push(`${at}: ${wanted.crashed}`);
        continue;
      }
      waiting.push({ at, asked, wanted });
      await runner.ask(asked);
      if (waiting.length >= IN_FLIGHT) await judgeOne();
    }
  }
  while (waiting.length > 0) await judgeOne();
  report.restarts += oracle.restarts;
  return report;
}

const oracle = new Oracle(engineLoader(npmFolder));
const runner = new Runner(runnerFile);
process.on('SIGINT', () => {}); // a Ctrl-C goes to every process of the terminal; the parent decides
process.on('message', async (span) => {
  try {
    await toParent({ report: await work(oracle, runner, span) });
  } catch (error) {
    await toParent({ failed: error.stack });
    process.exit(1);
  }
});
