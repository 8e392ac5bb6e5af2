import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Daemon, inTurns, logTail, ProcessTable, run } from './processes.mjs';

const directory = mkdtempSync(path.join(tmpdir(), 'custody-processes-'));
after(() => rmSync(directory, { recursive: true }));
const log = (name) => path.join(directory, 'logs', `${name}.log`);
const shell = (name, script, more = {}) => ({ name, command: 'sh', args: ['-c', script], log: log(name), ...more });

async function gone(pid) {
  const end = Date.now() + 10_000;
  while (Date.now() < end) {
    // A zombie has ended; only its parent has not asked yet.
    if (!existsSync(`/proc/${pid}`) || /^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))) return true;
    await new Promise((resolve) => { setTimeout(resolve, 10); });
  }
  return false;
}

test('output goes to the log, readiness comes over an extra descriptor', async () => {
  const daemon = new Daemon(shell('ready', 'echo out; echo err >&2; printf "ready\\n" >&3; exec sleep 60', { stdio: ['pipe'] }));
  assert.equal(await daemon.readUntil(daemon.child.stdio[3], 6, 5_000), 'ready\n');
  assert.equal(await daemon.stop(), true);
  assert.equal(readFileSync(log('ready'), 'utf8'), 'out\nerr\n');
});

test('an end before readiness is an error that names the log and shows its end', async () => {
  const daemon = new Daemon(shell('early', 'echo "no such token" >&2; exit 3', { stdio: ['pipe'] }));
  await assert.rejects(daemon.readUntil(daemon.child.stdio[3], 6, 5_000), (error) => {
    assert.match(error.message, /early exited with 3; log: .*early\.log\nno such token/);
    return true;
  });
});

test('silence is an error after the time limit', async () => {
  const daemon = new Daemon(shell('silent', 'exec sleep 60', { stdio: ['pipe'] }));
  await assert.rejects(daemon.readUntil(daemon.child.stdio[3], 6, 50), /was not ready within 50 ms/);
  await daemon.stop();
});

test('a program that does not exist is an error', async () => {
  const daemon = new Daemon({ name: 'absent', command: '/nonexistent/program', log: log('absent') });
  await daemon.ended;
  assert.throws(() => daemon.assertRunning(), /absent exited with 127/);
});

test('who ignores SIGTERM is killed and named', async () => {
  const table = new ProcessTable();
  const stubborn = table.start(shell('stubborn', 'trap "" TERM; printf ready >&3; while :; do sleep 60; done', { stdio: ['pipe'] }));
  const willing = table.start(shell('willing', 'exec sleep 60'));
  await stubborn.readUntil(stubborn.child.stdio[3], 5, 5_000);
  assert.deepEqual(await table.stopAll(200), ['stubborn']);
  assert.ok(!stubborn.running && !willing.running);
  assert.throws(() => table.start(shell('late', 'exec sleep 60')), /everything is being stopped/);
});

test('what a child started ends with it', async () => {
  const daemon = new Daemon(shell('parent', 'sleep 600 & printf "%10d" $! >&3; wait', { stdio: ['pipe'] }));
  const grandchild = Number(await daemon.readUntil(daemon.child.stdio[3], 10, 5_000));
  await daemon.stop();
  assert.ok(await gone(grandchild));
});

test('only an end that nobody planned is unhealthy', async () => {
  const table = new ProcessTable();
  const killed = table.start(shell('killed', 'exec sleep 60'));
  await killed.killOnPurpose();
  table.assertHealthy();
  const died = table.start(shell('died', 'exit 1'));
  await died.ended;
  assert.throws(() => table.assertHealthy(), /died exited with 1/);
  await table.stopAll();
});

test('when the driver is killed its children die with it', async () => {
  const script = `
    import { Daemon } from ${JSON.stringify(new URL('./processes.mjs', import.meta.url).href)};
    const daemon = new Daemon({ name: 'child', command: 'sleep', args: ['600'], log: ${JSON.stringify(log('orphan'))} });
    console.log(daemon.pid);
    setInterval(() => {}, 1000);`;
  const driver = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = Number(await new Promise((resolve) => { driver.stdout.once('data', (text) => resolve(String(text))); }));
  // The child is past setpriv when it has become sleep.
  while (!readFileSync(`/proc/${pid}/cmdline`, 'utf8').startsWith('sleep')) await new Promise((resolve) => { setTimeout(resolve, 5); });
  driver.kill('SIGKILL');
  assert.ok(await gone(pid));
});

test('run gives exit code and output, takes input, and ends what takes too long or is aborted', async () => {
  assert.deepEqual(await run('sh', ['-c', 'cat; echo bad >&2; exit 4'], { input: 'hello' }), { code: 4, signal: null, stdout: 'hello', stderr: 'bad\n' });
  await assert.rejects(run('sleep', ['60'], { timeoutMs: 50 }), /did not end within 50 ms/);
  const controller = new AbortController();
  const running = run('sleep', ['60'], { signal: controller.signal });
  controller.abort();
  await assert.rejects(running, /was stopped/);
  await assert.rejects(run('sh', ['-c', 'head -c 20000000 /dev/zero']), /printed more than/);
});

test('work in turns: so many at a time, every item once, results in order', async () => {
  let running = 0;
  let most = 0;
  const results = await inTurns(2, [3, 1, 2, 0], async (item) => {
    running += 1;
    most = Math.max(most, running);
    for (let turn = 0; turn <= item; turn++) await new Promise(setImmediate);
    running -= 1;
    return item * 10;
  });
  assert.deepEqual(results, [30, 10, 20, 0]);
  assert.equal(most, 2);
  assert.deepEqual(await inTurns(2, [], () => assert.fail()), []);
  await assert.rejects(inTurns(2, [1], async () => { throw new Error('no'); }), /no/);
});

test('the tail of a log', () => {
  assert.equal(logTail(path.join(directory, 'none')), '');
  assert.equal(logTail(log('ready'), 1), 'err');
});
