// One quickstart with --keep, seen from all sides: what it prints, its summary, its processes while it runs, custodyctl against the network
// that it leaves running, the tokens afterwards. In a directory with a long name and a space.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, watch } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { testCustodyctl } from './custodyctl.mjs';
import { freshDirectory, Quickstart, readSummary, TIME_SCALE } from './harness.mjs';
import { beyondLoopback, exposed, internetSockets, secretsOf } from './isolation.mjs';
import { assertDepositScripts, assertPayouts } from './payout.mjs';
import { assertSummary } from './summary.mjs';

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const KEYS_PER_MEMBER = 5; // validator, external head and mint, governance, a seat per currency
const exec = promisify(execFile);

describe('quickstart --keep', () => {
  const directory = freshDirectory(`a name with spaces ${'x'.repeat(120)}`);
  const home = freshDirectory('home');
  const temporary = freshDirectory('tmp');
  const changes = [];
  let run;
  let summary;
  let ready;
  let sockets;

  before(async () => {
    for (const folder of [home, temporary]) mkdirSync(folder, { recursive: true });
    // ccache and npm keep their place: they are package managers' and compilers' caches, not ours.
    const caches = { CCACHE_DIR: process.env.CCACHE_DIR ?? path.join(os.homedir(), '.cache', 'ccache'), npm_config_cache: process.env.npm_config_cache ?? path.join(os.homedir(), '.npm') };
    run = new Quickstart(['--keep', '--json', '--dir', directory, '--time-scale', TIME_SCALE], { env: { HOME: home, TMPDIR: temporary, ...caches }, watch: true });
    await run.step('chains', 'start');
    let watcher;
    const changed = new Promise((resolve) => {
      watcher = watch(directory, (kind, name) => {
        if (String(name) !== 'summary.json') return;
        changes.push(kind);
        resolve();
      });
    });
    run.ended.then(() => watcher.close());
    ready = await run.event({ event: 'ready' });
    await Promise.race([changed, run.ended]); // the line may be read before the change is reported
    summary = readSummary(directory);
    sockets = internetSockets(run.child.pid);
  });

  after(async () => {
    run?.child.kill('SIGINT');
    await run?.ended;
  });

  test('prints JSON lines on standard output: a start and an end of every step, the summary, the endpoints', () => {
    const events = run.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.deepEqual(events.pop(), ready);
    assert.deepEqual(events.pop(), { event: 'summary', path: path.join(directory, 'summary.json') });
    const done = [];
    events.forEach((event, index) => {
      assert.deepEqual(Object.keys(event), ['event', 'name', 'state', 'seconds', 'detail']);
      assert.equal(event.event, 'step');
      assert.equal(event.state, index % 2 === 0 ? 'start' : 'done');
      assert.equal(typeof event.detail, 'string');
      assert.ok(Number.isFinite(event.seconds) && event.seconds >= 0);
      if (event.state === 'done') done.push({ name: event.name, seconds: event.seconds });
      else assert.equal(events[index + 1].name, event.name);
    });
    assert.deepEqual(done, summary.steps);
  });

  test('the summary is as its schema says, and was put in place by rename', () => {
    assertSummary(summary, 4);
    assert.ok(changes.length > 0 && changes.every((kind) => kind === 'rename'), changes.join());
    assert.equal(statSync(path.join(directory, 'summary.json')).mode & 0o777, 0o600);
  });

  test('deposits went to salted m-of-n scripts of the seats', () => assertDepositScripts(summary));

  test('each payout carries exactly m signatures, each of a stated seat, and pays exactly the burn', () => assertPayouts(summary));

  test('no secret ever stood in the arguments or the environment of a process', () => {
    const secrets = secretsOf(directory);
    assert.equal(Object.keys(secrets).filter((name) => /(user|so)-pin$/.test(name)).length, 8);
    for (const program of ['custody-ceremony', 'custody-signerd', 'custody-noded', 'custodyctl']) {
      assert.ok([...run.texts].some((text) => text.includes(program)), `${program} was seen while it ran`);
    }
    assert.deepEqual(exposed(secrets, run.texts), []);
  });

  test('listens on loopback only, and talks to nobody else', () => {
    assert.ok(sockets.filter(({ listens }) => listens).length >= 4 + 2, 'nodes and chains listen');
    assert.deepEqual(beyondLoopback(sockets), []);
  });

  test('the endpoints are those of every member and chain', () => {
    assert.deepEqual(Object.keys(ready), ['event', 'endpoints']);
    assert.deepEqual(Object.keys(ready.endpoints.members), summary.members.map(({ name }) => name));
    for (const [name, { dir, socket }] of Object.entries(ready.endpoints.members)) {
      assert.equal(dir, path.join(directory, name));
      assert.ok(statSync(socket).isSocket());
    }
    for (const chain of Object.values(ready.endpoints.chains)) assert.match(chain.url, /^http:\/\/127\.0\.0\.1:\d+\/$/);
  });

  testCustodyctl(() => ({ directory, endpoints: ready.endpoints, summary }));

  test('Ctrl-C ends it cleanly: exit 0, since the job was done, and nothing is left running', async () => {
    run.look();
    run.child.kill('SIGINT');
    assert.deepEqual(await run.ended, { code: 0, signal: null });
    assert.doesNotMatch(run.stderr, /warning:/);
    assert.deepEqual(await run.leftOver(), []);
    assert.deepEqual(readSummary(directory), summary);
  });

  test('tells people on standard error what happens, without colours, and what to try', () => {
    for (const text of [
      /quorum 67 of 100/, /m = 3 of n = 4; L = 1 .* allowed m: 3/, /member-3 denies it/, /forbid withdraw-listed-only: Nothing to an address that our officers have not listed/,
      /killed at height/, /CAASIOPE REQUEST v1/, /wants +2 of treasury/, /tara of member-1 approves/, /settled, signed by/, /BTC: supply .* = recorded reserve/,
      /until Ctrl-C/, /custodyctl transfer build --from tcaas1/,
    ]) {
      assert.match(run.stderr, text);
    }
    assert.doesNotMatch(run.stderr, /\u001b/);
  });

  test('nothing is left in the home or in the temporary directory', () => {
    assert.deepEqual(readdirSync(home), []);
    assert.deepEqual(readdirSync(temporary), []);
  });

  test('keeps its files to the user and its logs in place', () => {
    for (const { name } of summary.members) {
      assert.equal(statSync(path.join(directory, name)).mode & 0o077, 0);
      const officers = ['tara', 'tom', 'carol'].flatMap((officer) => [`officer-${officer}.json`, `officer-${officer}.password`]);
      for (const secret of ['user-pin', 'so-pin', ...officers]) assert.equal(statSync(path.join(directory, name, 'secrets', secret)).mode & 0o777, 0o600);
      for (const log of ['noded.log', 'signerd.log']) assert.ok(statSync(path.join(directory, name, 'logs', log)).size > 0);
    }
    for (const log of ['btc.log', 'ltc.log']) assert.ok(existsSync(path.join(directory, 'chains', log)));
  });

  test('every key in every token was made there, is sensitive and can never leave', async () => {
    for (const { name } of summary.members) {
      const member = path.join(directory, name);
      const pin = readFileSync(path.join(member, 'secrets', 'user-pin'), 'utf8').trim();
      const { stdout } = await exec('pkcs11-tool', ['--module', MODULE, '--login', '--pin', 'env:E2E_PIN', '--list-objects', '--type', 'privkey'], {
        env: { ...process.env, E2E_PIN: pin, SOFTHSM2_CONF: path.join(member, 'softhsm2.conf') },
      });
      const keys = stdout.split('Private Key Object').slice(1);
      assert.equal(keys.length, KEYS_PER_MEMBER, name);
      for (const key of keys) {
        for (const access of ['sensitive', 'always sensitive', 'never extractable', 'local']) assert.match(key, new RegExp(`Access:.*\\b${access}`));
        assert.match(key, /Usage:\s+sign\s*$/m);
      }
    }
  });
});
