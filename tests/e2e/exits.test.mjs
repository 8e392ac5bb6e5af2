// Every way out of the quickstart but the good one: its exit code, what it says, and that nothing is left running or changed.
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { describe, test } from 'node:test';
import { CLONE, findProcess, freshDirectory, processTree, Quickstart, quickstart, readSummary, TIME_SCALE } from './harness.mjs';
import { assertFailedSummary } from './summary.mjs';

/** Starts a run that the test will end in its own way. */
function start(name, ...args) {
  const directory = freshDirectory(name);
  const run = new Quickstart(['--json', '--dir', directory, '--time-scale', TIME_SCALE, ...args], { watch: true });
  return { run, directory };
}

function assertTold(run, directory, step) {
  const summary = readSummary(directory);
  assertFailedSummary(summary, step);
  assert.deepEqual(run.events.at(-1), { event: 'summary', path: path.join(directory, 'summary.json') });
  const failed = run.events.at(-2);
  assert.deepEqual([failed.event, failed.name, failed.state, failed.detail], ['step', step, 'failed', summary.error]);
  assert.match(run.stderr, new RegExp(`Failed in step ${step}`));
  assert.match(run.stderr, /Logs: .*member-\*\/logs and .*chains/);
  return summary;
}

describe('exit 2: wrong usage, told before anything is built or made', () => {
  for (const [args, message] of [
    [['--members', '3'], /4 to 14/], [['--members', '15'], /4 to 14/], [['--members', 'four'], /4 to 14/], [['--no-such-option'], /--no-such-option/], [['surplus'], /surplus/],
    [['--time-scale', '0'], /--time-scale/], [['--until', 'tomorrow'], /gateway, swap/], [['--bitcoin-rpc', 'http://127.0.0.1:1/'], /belong together/],
    [['--bitcoin-rpc', 'http://user:secret@127.0.0.1:1/', '--bitcoin-rpc-user', 'x', '--bitcoin-rpc-password-file', '/dev/null'], /without user or password/],
    [['--dir', path.join(CLONE, 'deploy')], /absent or empty/], [['--dir', path.join(CLONE, 'README.md')], /not a directory/],
  ]) {
    test(args.join(' '), async () => {
      const run = await quickstart(args);
      assert.equal(run.code, 2);
      assert.equal(run.stdout, '');
      assert.match(run.stderr, message);
      assert.match(run.stderr, /--help/);
      assert.doesNotMatch(run.stderr, /ninja/);
    });
  }
});

test('exit 3: with --no-install the missing packages are named and nothing is changed', async () => {
  const clone = freshDirectory('a clone without anything');
  for (const name of ['deploy', 'CMakePresets.json']) cpSync(path.join(CLONE, name), path.join(clone, name), { recursive: true, filter: (file) => !file.includes('node_modules') });
  const admin = path.join(clone, 'dpkg');
  mkdirSync(admin);
  writeFileSync(path.join(admin, 'status'), '');
  const before = readdirSync(clone, { recursive: true }).sort();
  const run = await quickstart(['--no-install', '--json'], { clone, env: { DPKG_ADMINDIR: admin } });
  assert.equal(run.code, 3);
  assert.equal(run.stdout, '');
  for (const name of ['g++-12', 'softhsm2', 'librocksdb-dev', 'deploy/npm/node_modules']) assert.ok(run.stderr.includes(`  ${name}`), name);
  assert.deepEqual(readdirSync(clone, { recursive: true }).sort(), before);
});

test('exit 1: a member that dies ends the run at once, with its name and its log', async () => {
  const { run, directory } = start('a member dies');
  await run.step('gateway', 'start');
  process.kill(findProcess(run, 'custody-signerd', 'member-3'), 'SIGKILL');
  assert.deepEqual(await run.ended, { code: 1, signal: null });
  const summary = assertTold(run, directory, 'gateway');
  assert.match(summary.error, /member-3 custody-signerd was ended by SIGKILL; log: .*member-3\/logs\/signerd\.log/);
  assert.deepEqual(await run.leftOver(), []);
});

test('exit 1: when time is up it says what was awaited, from whom, the last state, and which log to read', async () => {
  const { run, directory } = start('time is up', '--time-scale', '0.3');
  await run.step('gateway', 'start');
  // Whichever step it is by now: the people's node stands still.
  process.kill(findProcess(run, 'custody-noded', 'member-1'), 'SIGSTOP');
  assert.deepEqual(await run.ended, { code: 1, signal: null });
  const summary = readSummary(directory);
  assert.equal(summary.ok, false);
  assert.match(summary.error, /took longer than [\d.]+ s: awaited .+ from .*member-1.*; last state: .+; look in .+member-1\/logs\/noded\.log/);
  assertTold(run, directory, summary.failed_step);
  assert.deepEqual(await run.leftOver(), []);
});

for (const signal of ['SIGINT', 'SIGTERM']) {
  test(`exit 130: ${signal} stops everything first`, async () => {
    const { run, directory } = start(`interrupted by ${signal}`);
    await run.step('members', 'done');
    run.look();
    run.child.kill(signal);
    assert.deepEqual(await run.ended, { code: 130, signal: null });
    const summary = readSummary(directory);
    assertTold(run, directory, summary.failed_step);
    assert.match(summary.error, new RegExp(`interrupted by ${signal}`));
    assert.doesNotMatch(run.stderr, /warning:/);
    assert.deepEqual(await run.leftOver(), []);
  });
}

test('SIGKILL of the quickstart takes everything with it', async () => {
  const { run } = start('killed');
  await run.step('members', 'done');
  run.look();
  assert.ok(processTree(run.child.pid).length > 4 * 2 + 2, 'nodes with their peers, signers and chains run');
  run.child.kill('SIGKILL');
  assert.deepEqual(await run.ended, { code: null, signal: 'SIGKILL' });
  assert.deepEqual(await run.leftOver(), []);
});
