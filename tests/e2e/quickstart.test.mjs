// The quickstart as a user runs it, in a directory with a long name and a space, and what its summary must say. Numbers are
// taken from the summary and from the payout's raw bytes, checked with bitcoinjs-lib and pkcs11-tool: nothing of ours judges.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const CLONE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
const require = createRequire(path.join(CLONE, 'deploy', 'npm', 'package.json'));
const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const LONG = `a name with spaces ${'x'.repeat(120)}`;
const TIME_SCALE = process.env.CUSTODY_E2E_TIME_SCALE ?? '2';
const run = promisify(execFile);

/** Runs the quickstart; resolves to {code, stdout, stderr}. */
function quickstart(...args) {
  return new Promise((resolve, reject) => {
    const child = spawn(path.join(CLONE, 'deploy', 'quickstart'), args, { stdio: ['ignore', 'pipe', 'pipe'] });
    let stdout = '';
    let stderr = '';
    child.stdout.on('data', (data) => { stdout += data; });
    child.stderr.on('data', (data) => { stderr += data; });
    child.on('error', reject);
    child.on('close', (code) => resolve({ code, stdout, stderr }));
  });
}

function freshDirectory(name) {
  const directory = path.join(CLONE, 'build', 'e2e', name);
  rmSync(directory, { recursive: true, force: true });
  return directory;
}

/** Every process of this machine whose command line names the directory. */
function processesIn(directory) {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry) && Number(entry) !== process.pid).filter((pid) => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(directory);
    } catch {
      return false; // ended meanwhile
    }
  });
}

const HEX64 = /^[0-9a-f]{64}$/;
const AMOUNT = /^(0|[1-9][0-9]*)$/;

describe('quickstart', () => {
  const directory = freshDirectory(LONG);
  let result;
  let summary;

  before(async () => {
    result = await quickstart('--json', '--dir', directory, '--time-scale', TIME_SCALE);
    const file = path.join(directory, 'summary.json');
    summary = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
  });

  test('ends with exit code 0 and says where its summary is', () => {
    assert.equal(result.code, 0, result.stderr.slice(-3000));
    assert.equal(summary.ok, true);
    assert.equal(summary.schema, 'custody.quickstart/1');
  });

  test('prints JSON lines and nothing else on standard output', () => {
    const events = result.stdout.trimEnd().split('\n').map((line) => JSON.parse(line));
    const last = events.pop();
    assert.deepEqual(last, { event: 'summary', path: path.join(directory, 'summary.json') });
    for (const event of events) {
      assert.equal(event.event, 'step');
      assert.ok(['start', 'done'].includes(event.state), event.state);
      assert.equal(typeof event.name, 'string');
      assert.equal(typeof event.detail, 'string');
    }
  });

  test('all members agree on block and state at the common height', () => {
    assert.equal(summary.members.length, 4);
    assert.deepEqual(summary.members.map((member) => member.weight), [28, 26, 24, 22]);
    for (const member of summary.members) {
      assert.equal(member.height, summary.common_height);
      assert.equal(member.block_hash, summary.members[0].block_hash);
      assert.equal(member.state_root, summary.members[0].state_root);
      assert.match(member.block_hash, HEX64);
    }
  });

  test('weights, quorum and seats follow the rules', () => {
    assert.deepEqual(summary.params, { members: 4, total_weight: 100, quorum_weight: 67, m: 3, n: 4, deposit_depth: 3, settlement_depth: 3 });
  });

  test('supply, pending and surplus equal the recorded reserve, and balances sum to the supply', () => {
    for (const [code, currency] of Object.entries(summary.currencies)) {
      for (const name of ['supply', 'pending', 'surplus', 'recorded_reserve']) assert.match(currency[name], AMOUNT);
      const owed = BigInt(currency.supply) + BigInt(currency.pending) + BigInt(currency.surplus);
      assert.equal(owed, BigInt(currency.recorded_reserve), code);
      const { members, ...others } = summary.balances;
      const holders = [...Object.values(others), ...(members[code] === undefined ? Object.values(members) : [members])];
      const sum = holders.reduce((total, holder) => total + BigInt(holder[code]), 0n);
      assert.equal(sum, BigInt(currency.supply), `balances of ${code}`);
    }
    const spent = BigInt(summary.redemption.amount) + BigInt(summary.redemption.fee);
    assert.equal(BigInt(summary.currencies.BTC.recorded_reserve), 1_200_000_000n - spent);
    assert.equal(summary.currencies.LTC.recorded_reserve, '10100000000');
  });

  test('deposits went to salted m-of-n scripts of the seats and were approved by a quorum of weight', () => {
    const bitcoin = require('bitcoinjs-lib');
    const weights = new Map(summary.members.map((member) => [member.name, member.weight]));
    assert.deepEqual(summary.deposits.map((deposit) => [deposit.currency, deposit.amount]), [['BTC', '1200000000'], ['LTC', '10100000000']]);
    for (const deposit of summary.deposits) {
      const parts = bitcoin.script.decompile(Buffer.from(deposit.witness_script, 'hex'));
      const keys = parts.slice(1, -2).map((key) => Buffer.from(key).toString('hex'));
      assert.equal(parts[0] - bitcoin.opcodes.OP_RESERVED, summary.params.m);
      assert.equal(keys.length, summary.params.n + 1);
      assert.deepEqual(keys, [...keys].sort());
      for (const member of summary.members) assert.ok(keys.includes(member.seat_keys[deposit.currency]), member.name);
      const weight = deposit.approved_by.reduce((total, name) => total + weights.get(name), 0);
      assert.ok(weight * 3 > summary.params.total_weight * 2, `approved by weight ${weight}`);
    }
  });

  test('the payout carries exactly m signatures, each of a stated seat, and pays exactly the burn', () => {
    const bitcoin = require('bitcoinjs-lib');
    const ecc = require('@bitcoinerlab/secp256k1');
    const { redemption } = summary;
    const transaction = bitcoin.Transaction.fromHex(redemption.raw);
    assert.equal(transaction.getId(), redemption.txid);
    const [anchorId, anchorVout] = redemption.anchor.split(':');
    assert.equal(Buffer.from(transaction.ins[0].hash).reverse().toString('hex'), anchorId);
    assert.equal(transaction.ins[0].index, Number(anchorVout));
    assert.equal(transaction.ins[0].sequence, 0xfffffffd);
    const witness = transaction.ins[0].witness;
    const signatures = witness.slice(1, -1);
    assert.equal(signatures.length, summary.params.m);
    const value = BigInt(summary.deposits.find((deposit) => deposit.outpoint === redemption.anchor).amount);
    const signers = signatures.map((item) => {
      const { signature, hashType } = bitcoin.script.signature.decode(Buffer.from(item));
      const digest = transaction.hashForWitnessV0(0, witness[witness.length - 1], value, hashType);
      return redemption.signed_by.find(({ seat_key: key }) => ecc.verify(digest, Buffer.from(key, 'hex'), signature))?.member;
    });
    assert.deepEqual([...signers].sort(), redemption.signed_by.map(({ member }) => member).sort());
    assert.equal(transaction.outs.filter((output) => BigInt(output.value) === BigInt(redemption.amount)).length, 1);
    const fee = value - transaction.outs.reduce((total, output) => total + BigInt(output.value), 0n);
    assert.equal(fee, BigInt(redemption.fee));
    assert.ok(fee <= BigInt(redemption.fee_cap));
  });

  test('the redemption settled while a member was down, and that member signs again', () => {
    const { restart, redemption } = summary;
    assert.ok(!redemption.signed_by.some(({ member }) => member === restart.member));
    assert.ok(restart.killed_height < restart.up_height && restart.up_height <= restart.first_signed_height);
    assert.ok(restart.first_signed_height <= summary.common_height);
  });

  test('every key in every token was made there, is sensitive and can never leave', async () => {
    for (const member of summary.members) {
      const home = path.join(directory, member.name);
      const pin = readFileSync(path.join(home, 'secrets', 'user-pin'), 'utf8').trim();
      const { stdout } = await run('pkcs11-tool', ['--module', MODULE, '--login', '--pin', 'env:E2E_PIN', '--list-objects', '--type', 'privkey'], {
        env: { ...process.env, E2E_PIN: pin, SOFTHSM2_CONF: path.join(home, 'softhsm2.conf') },
      });
      const keys = stdout.split('Private Key Object').slice(1);
      assert.equal(keys.length, 5, `${member.name}: validator, attest, governance and two seats`);
      for (const key of keys) {
        assert.match(key, /Access:.*sensitive/);
        assert.match(key, /Access:.*always sensitive/);
        assert.match(key, /Access:.*never extractable/);
        assert.match(key, /Access:.*local/);
        assert.match(key, /Usage:\s+sign\s*$/m);
      }
    }
  });

  test('keeps its files to the user and leaves nothing running', () => {
    for (const member of summary.members) {
      assert.equal(statSync(path.join(directory, member.name)).mode & 0o077, 0);
      assert.equal(statSync(path.join(directory, member.name, 'secrets', 'user-pin')).mode & 0o777, 0o600);
      for (const log of ['noded.log', 'signerd.log']) assert.ok(existsSync(path.join(directory, member.name, 'logs', log)));
    }
    assert.deepEqual(processesIn(directory), []);
  });
});

describe('quickstart refuses', () => {
  test('bad usage with exit code 2', async () => {
    for (const args of [['--members', '3'], ['--members', '15'], ['--no-such-option'], ['--time-scale', '0']]) {
      const { code, stderr } = await quickstart(...args);
      assert.equal(code, 2, args.join(' '));
      assert.notEqual(stderr.trim(), '');
    }
  });

  test('a directory that is not empty', async () => {
    const { code, stderr } = await quickstart('--dir', path.join(CLONE, 'deploy'));
    assert.equal(code, 2);
    assert.match(stderr, /empty/);
  });
});
