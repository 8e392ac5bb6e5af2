// What a crash of the official engine does to a run: the real engine and the real cedar_runner (CEDAR_RUNNER says where it
// is), with faults put in between.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { makeCase } from './cases.mjs';
import { engineLoader, Oracle } from './oracle.mjs';
import { Supervisor } from './supervisor.mjs';

const here = path.dirname(fileURLToPath(import.meta.url));
const npmFolder = path.resolve(here, '../../../../deploy/npm');
const runner = process.env.CEDAR_RUNNER;
const installed = existsSync(path.join(npmFolder, 'node_modules/@cedar-policy/cedar-wasm'));
if (process.env.CI === 'true') assert.ok(installed && runner, 'CI needs npm ci in deploy/npm, and CEDAR_RUNNER');
const skip = installed ? false : 'needs npm ci --ignore-scripts in deploy/npm';
const skipRun = skip || (runner ? false : 'needs CEDAR_RUNNER');

const directory = mkdtempSync(path.join(tmpdir(), 'custody-differential-'));
after(() => rmSync(directory, { recursive: true }));

// A seed whose policies are fine, so that every request reaches the engine.
const SEED = Array.from({ length: 100 }, (_, i) => i + 1).find((seed) => makeCase(seed).kind === 'plain' && makeCase(seed).requests.length === 8);
const ask = (oracle, job) => job.requests.map((request) => oracle.authorize(job, request));

/** A loader of the real engine, in which `fault(engine, name, call)` comes before each call. */
function loaderWith(fault) {
  const load = engineLoader(npmFolder);
  return () => {
    const engine = load();
    const wrapped = { ...engine };
    for (const name of ['preparsePolicySet', 'statefulIsAuthorized', 'validate', 'schemaToJson']) {
      wrapped[name] = (...args) => fault(wrapped, name, ...args) ?? engine[name](...args);
    }
    return wrapped;
  };
}

test('after a trap a fresh instance reads the policies again and answers every question', { skip }, () => {
  const job = makeCase(SEED);
  const wanted = ask(new Oracle(engineLoader(npmFolder)), job);
  let asked = 0;
  const oracle = new Oracle(loaderWith((engine, name) => {
    if (name !== 'statefulIsAuthorized') return;
    asked += 1;
    if (asked === 2) throw new WebAssembly.RuntimeError('unreachable');
  }));
  assert.deepEqual(ask(oracle, job), wanted);
  assert.equal(oracle.restarts, 1);
});

test('an instance that lost its policies is replaced: that is no answer', { skip }, () => {
  const job = makeCase(SEED);
  const wanted = ask(new Oracle(engineLoader(npmFolder)), job);
  let lost = false;
  const oracle = new Oracle(loaderWith((engine, name) => {
    if (name !== 'statefulIsAuthorized' || lost) return undefined;
    lost = true;
    return { type: 'failure', errors: [{ message: "preparsed policy set 'policies' not found" }] };
  }));
  assert.deepEqual(ask(oracle, job), wanted);
  assert.equal(oracle.restarts, 1);
});

test('a question that crashes a fresh instance too is no answer either, and the next ones are asked', { skip }, () => {
  const job = makeCase(SEED);
  const wanted = ask(new Oracle(engineLoader(npmFolder)), job);
  const oracle = new Oracle(loaderWith((engine, name, call) => {
    if (name === 'statefulIsAuthorized' && call.context === job.requests[3].context) throw new RangeError('no stack');
  }));
  wanted[3] = { crashed: 'statefulIsAuthorized: no stack' };
  assert.deepEqual(ask(oracle, job), wanted);
  assert.equal(oracle.restarts, 2);
});

test('a schema that the engine crashes on is a crash, not a refusal', { skip }, () => {
  const oracle = new Oracle(loaderWith((engine, name) => {
    if (name === 'schemaToJson') throw new WebAssembly.RuntimeError('unreachable');
  }));
  assert.deepEqual(oracle.jsonSchema('entity A;'), { crashed: 'schemaToJson: unreachable' });
});

test('our own mistakes are not taken for crashes', { skip }, () => {
  const oracle = new Oracle(engineLoader(npmFolder));
  assert.throws(() => oracle.authorize({ ...makeCase(SEED), policies: undefined }, {}), TypeError);
});

const childrenOf = (pid) => readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim();

/** {totals, printed} of a run of one worker that dies when it is asked the third request of SEED. */
async function runWithFault(env) {
  const printed = [];
  const { principal, action, resource, context } = makeCase(SEED).requests[2];
  const fault = { FAULT_REQUEST: JSON.stringify({ principal, action, resource, context }), ...env };
  Object.assign(process.env, fault);
  try {
    const supervisor = new Supervisor({ runner, npmFolder, seed: SEED, cases: 300, workers: 1, execArgv: ['--require', path.join(here, 'fault.cjs')], print: (text) => printed.push(text) });
    await supervisor.run();
    const { agreed, oracleCrashes, differences, oracleRestarts, cases, interrupted } = supervisor.totals();
    return { totals: { agreed, oracleCrashes, differences, oracleRestarts, cases, interrupted }, printed };
  } finally {
    for (const key of Object.keys(fault)) delete process.env[key];
  }
}

test('a worker that died is started again, and its seeds are asked once more', { skip: skipRun }, async () => {
  const { totals: whole } = await runWithFault({ FAULT_REQUEST: '' });
  assert.deepEqual(whole, { agreed: whole.cases, oracleCrashes: 0, differences: 0, oracleRestarts: 0, cases: whole.cases, interrupted: false });
  const { totals, printed } = await runWithFault({ FAULT_ONCE: path.join(directory, 'died') });
  assert.deepEqual(totals, { ...whole, oracleRestarts: 1 });
  assert.deepEqual(printed, []);
});

test('a case that kills every worker is counted by itself, and the run goes on', { skip: skipRun }, async () => {
  const { totals, printed } = await runWithFault({});
  assert.equal(totals.oracleCrashes, 1);
  assert.equal(totals.differences, 0);
  assert.equal(totals.agreed, totals.cases - 1);
  assert.ok(totals.agreed >= 300);
  assert.deepEqual(printed, [`oracle crashed, seed ${SEED}, case 2: the process died`]);
});

test('an end of cedar_runner is our own failure, not the oracle\'s', { skip }, async () => {
  const supervisor = new Supervisor({ runner: '/bin/true', npmFolder, seed: 1, cases: 10, workers: 2, print: () => {} });
  await assert.rejects(supervisor.run(), /cedar_runner ended/);
  assert.equal(supervisor.totals().cases, 0);
});

test('an interrupted run prints its totals', { skip: skipRun }, async () => {
  const child = spawn(process.execPath, [path.join(here, 'differential.mjs'), '--runner', runner, '--cases', '1000000', '--workers', '1'], { stdio: ['ignore', 'pipe', 'inherit'] });
  let out = '';
  child.stdout.on('data', (data) => { out += data; });
  // Its handlers stand when its first worker runs.
  while (childrenOf(child.pid) === '') await new Promise((resolve) => { setTimeout(resolve, 20); });
  child.kill('SIGTERM');
  const code = await new Promise((resolve) => { child.on('close', resolve); });
  assert.equal(code, 1);
  const totals = JSON.parse(out.trim().split('\n').at(-1));
  assert.equal(totals.interrupted, true);
  assert.equal(totals.seed, 1);
  assert.equal(totals.cases, totals.agreed);
});
