// A fresh clone of what is committed, in a directory whose path has 200 characters and a space: the first start, a second with nothing to build,
// several at a time, and an ordinary user without sudo. Takes minutes; label e2e_long.
import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { CLONE, Quickstart, quickstart, readSummary, TIME_SCALE } from './harness.mjs';
import { assertSummary } from './summary.mjs';

const PATH_LENGTH = 200;
const AT_A_TIME = 3;
const NOBODY = 65534;
const exec = promisify(execFile);

describe('a fresh clone in a long path', () => {
  const root = path.join(os.tmpdir(), `custody e2e ${process.pid}`);
  const clone = path.join(root, 'x'.repeat(PATH_LENGTH - root.length - 1));

  before(() => {
    mkdirSync(root, { recursive: true });
    execFileSync('git', ['clone', '--quiet', '--', CLONE, clone]);
    assert.equal(clone.length, PATH_LENGTH);
  });

  after(() => rmSync(root, { recursive: true, force: true }));

  async function good(name, options = {}, ...args) {
    const directory = path.join(root, name);
    const run = await quickstart(['--json', '--dir', directory, '--time-scale', TIME_SCALE, ...args], { clone, watch: true, ...options });
    assert.equal(run.code, 0, `${run.stderr.slice(-3000)}`);
    const summary = readSummary(directory);
    assertSummary(summary, 4);
    assert.deepEqual(await run.leftOver(), []);
    return summary;
  }

  test('builds and runs', () => good('first'));

  test('runs again with nothing to build', async (t) => {
    const started = performance.now();
    const { seconds } = await good('second');
    t.diagnostic(`${((performance.now() - started) / 1000).toFixed(1)} s in all, ${seconds} s of them the main job`);
  });

  test('runs in its own default directory', async () => {
    const run = await quickstart(['--until', 'gateway', '--time-scale', TIME_SCALE], { clone, watch: true });
    assert.equal(run.code, 0, run.stderr.slice(-3000));
    const [, directory] = /Working directory: (.*)/.exec(run.stdout);
    assert.equal(path.dirname(directory), path.join(clone, 'build', 'quickstart'));
    assert.equal(readSummary(directory).ok, true);
  });

  test('several at a time do not disturb each other', async () => {
    const summaries = await Promise.all(Array.from({ length: AT_A_TIME }, (_, index) => good(`at the same time ${index}`)));
    assert.equal(new Set(summaries.map((summary) => summary.chain_id)).size, AT_A_TIME);
  });

  test('SIGTERM and SIGKILL end a build at once, with all its compilers', async () => {
    for (const signal of ['SIGTERM', 'SIGKILL']) {
      rmSync(path.join(clone, 'build', 'release', 'bin'), { recursive: true, force: true });
      rmSync(path.join(clone, 'build', 'release', 'ledger'), { recursive: true, force: true });
      const run = new Quickstart(['--json'], { clone, env: { CUSTODY_NO_CCACHE: '1', CCACHE_DISABLE: '1' }, watch: true });
      await new Promise((resolve) => { run.child.stderr.on('data', () => { if (/\[\d+\/\d+, /.test(run.stderr)) resolve(); }); });
      run.look();
      run.child.kill(signal);
      const { code } = await run.ended;
      assert.equal(code, signal === 'SIGTERM' ? 130 : null);
      assert.deepEqual(await run.leftOver(), []);
    }
    await good('after that');
  });

  test('an ordinary user needs no root when nothing is missing, and leaves nothing outside clone, --dir and caches', { skip: process.getuid() !== 0 }, async () => {
    const home = path.join(root, 'home');
    const marker = path.join(root, 'marker');
    mkdirSync(home);
    writeFileSync(marker, '');
    await exec('chown', ['-R', `${NOBODY}:${NOBODY}`, root]);
    await good('as nobody', {
      wrapper: ['setpriv', `--reuid=${NOBODY}`, `--regid=${NOBODY}`, '--clear-groups', '--', 'env', '-i', `HOME=${home}`, 'PATH=/usr/bin:/bin'],
    });
    const places = ['/tmp', '/var/tmp', '/dev/shm', '/run', '/var/lib', '/var/cache', '/etc'];
    // Other people's files may go while find looks at them: its exit code says nothing.
    const { stdout } = await exec('find', [...places, '-user', String(NOBODY), '-newer', marker], { maxBuffer: 64 << 20 }).catch((error) => error);
    const [inside, outside] = [true, false].map((wanted) => stdout.trim().split('\n').filter((file) => file.startsWith(root) === wanted));
    assert.ok(inside.length > 0, 'find sees what this user wrote');
    assert.deepEqual(outside, []);
    assert.deepEqual(readdirSync(home).filter((name) => name !== '.npm'), []);
  });
});
