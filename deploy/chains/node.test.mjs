// The launcher against the invariants of README.md, with real nodes.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { startNode } from '../quickstart-lib/chains.mjs';
import { ProcessTable } from '../quickstart-lib/processes.mjs';
import { Rpc, RpcError, RpcUnreachable } from '../external-wallet/rpc.mjs';
import { mine } from '../external-wallet/external_wallet.mjs';
import { bitcoinjsNetwork, checkParams, genesisBlock, knownParamsFile, readParams } from './params.mjs';

const require = createRequire(new URL('../npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
const SCRIPT = fileURLToPath(new URL('./node.mjs', import.meta.url));
const BITCOIN_REGTEST = '0f9188f13cb7b2c71f2a335e3a4fc328bf5beb436012afca590b1a11466e2206';

const directory = mkdtempSync(path.join(tmpdir(), 'custody-chains-'));
const processes = new ProcessTable();
const nodes = {};

before(async () => {
  [nodes.btc, nodes.ltc] = await Promise.all(['btc', 'ltc'].map((name) => startNode(processes, name, directory)));
});

after(async () => {
  for (const node of Object.values(nodes)) node.rpc.close();
  await processes.stopAll();
  rmSync(directory, { recursive: true, force: true });
});

function addressOf(node, byte) {
  const network = bitcoinjsNetwork(node.params);
  return bitcoin.payments.p2wpkh({ hash: Buffer.alloc(20, byte), network }).address;
}

test('invariant 1: two chains run at once, each with the genesis of its parameters', async () => {
  assert.equal(await nodes.btc.rpc.call('getblockhash', 0), BITCOIN_REGTEST);
  assert.equal(await nodes.ltc.rpc.call('getblockhash', 0), nodes.ltc.params.genesis.hash);
  assert.notEqual(nodes.ltc.params.genesis.hash, BITCOIN_REGTEST);
  for (const node of Object.values(nodes)) {
    const raw = await node.rpc.call('getblock', node.params.genesis.hash, false);
    assert.equal(raw, genesisBlock(node.params.genesis).block.toString('hex'));
    assert.equal((await node.rpc.call('getblockchaininfo')).chain, 'regtest');
  }
});

test('invariant 2: each accepts its own address prefix and refuses the other', async () => {
  for (const [mineNode, other] of [[nodes.btc, nodes.ltc], [nodes.ltc, nodes.btc]]) {
    assert.deepEqual(await mineNode.rpc.call('generatetoaddress', 0, addressOf(mineNode, 1)), []);
    await assert.rejects(mineNode.rpc.call('generatetoaddress', 0, addressOf(other, 1)), RpcError);
  }
});

test('invariant 3: SegWit is active after 450 blocks, and the calls of the follower answer in the shapes of README.md', async () => {
  for (const node of Object.values(nodes)) {
    const { rpc } = node;
    const tip = await mine(rpc, 450, addressOf(node, 2));
    const info = await rpc.call('getblockchaininfo');
    assert.equal(info.blocks, 450);
    assert.equal(info.bestblockhash, tip);
    assert.equal(info.bip9_softforks.segwit.status, 'active');
    assert.equal(await rpc.call('getblockcount'), 450);
    assert.equal(await rpc.call('getblockhash', 450), tip);
    const header = await rpc.call('getblockheader', tip, false);
    assert.match(header, /^[0-9a-f]{160}$/);
    const block = bitcoin.Block.fromHex(await rpc.call('getblock', tip, false));
    assert.equal(block.getId(), tip);
    assert.equal(block.toHex(true), header);
    const proof = await rpc.call('gettxoutproof', [block.transactions[0].getId()], tip);
    assert.ok(proof.startsWith(header));
    assert.deepEqual(await rpc.call('getrawmempool'), []);
    assert.deepEqual(await rpc.call('estimatesmartfee', 6), { fee: -1, blocks: 6 });
  }
});

test('refusals have a code and a reason; a wrong password is told apart', async () => {
  const { rpc, url } = nodes.btc;
  await assert.rejects(rpc.call('getblockhash', 10_000), (error) => error instanceof RpcError && Number.isInteger(error.code));
  await assert.rejects(rpc.call('nosuchmethod'), (error) => error instanceof RpcError && error.code === -32601);
  await assert.rejects(new Rpc({ url, password: 'wrong password here' }).call('getblockcount'), RpcUnreachable);
});

function launch(...args) {
  return spawnSync(process.execPath, [SCRIPT, ...args], { encoding: 'utf8', timeout: 20_000 });
}

test('usage and key file errors stop the start', () => {
  assert.equal(launch().status, 2);
  assert.equal(launch('--chain', 'btc').status, 2);
  assert.equal(launch('--chain', 'btc', '--api-key-file', 'x', '--port', '70000').status, 2);
  const open = path.join(directory, 'open.key');
  writeFileSync(open, 'a'.repeat(40));
  chmodSync(open, 0o644);
  const refused = launch('--chain', 'btc', '--api-key-file', open);
  assert.equal(refused.status, 1);
  assert.match(refused.stderr, /can be read by others/);
});

test('parameters that do not hold together are refused', () => {
  const good = readParams(knownParamsFile('ltc'));
  const wrong = [
    { ...good, bech32: 'UP' },
    { ...good, magic: 'fabf' },
    { ...good, pubkeyhash: 256 },
    { ...good, chain: 'main' },
    { ...good, genesis: { ...good.genesis, nonce: 1 } },
    { ...good, genesis: { ...good.genesis, hash: BITCOIN_REGTEST } },
    { ...good, genesis: undefined },
    null,
  ];
  for (const params of wrong) assert.throws(() => checkParams(params), /chain parameters/);
  assert.equal(checkParams(good), good);
});

async function started(...args) {
  const keyFile = path.join(directory, 'own.key');
  writeFileSync(keyFile, 'k'.repeat(40), { mode: 0o600 });
  const child = spawn(process.execPath, [SCRIPT, '--chain', 'ltc', '--api-key-file', keyFile, ...args], { stdio: ['pipe', 'pipe', 'ignore'] });
  const line = await new Promise((resolve) => { child.stdout.once('data', (text) => resolve(text.toString())); });
  return { child, ready: JSON.parse(line), ended: new Promise((resolve) => { child.once('exit', (code) => resolve(code)); }) };
}

test('invariant 4: it stops by itself on SIGTERM, SIGINT and end of input, also with an open connection', async () => {
  for (const how of ['SIGTERM', 'SIGINT', 'stdin']) {
    const { child, ready, ended } = await started('--exit-on-stdin-close');
    const socket = connect(ready.port, ready.host);
    await new Promise((resolve) => { socket.once('connect', resolve); });
    socket.on('error', () => {});
    if (how === 'stdin') child.stdin.end();
    else child.kill(how);
    assert.equal(await ended, 0);
    socket.destroy();
  }
});

test('with --data the chain outlives the process', async () => {
  const data = path.join(directory, 'data');
  const key = 'k'.repeat(40);
  const address = addressOf(nodes.ltc, 3);
  const first = await started('--data', data);
  await new Rpc({ url: `http://${first.ready.host}:${first.ready.port}/`, password: key }).call('generatetoaddress', 3, address);
  first.child.kill('SIGTERM');
  await first.ended;
  const second = await started('--data', data);
  assert.equal(second.ready.height, 3);
  second.child.kill('SIGTERM');
  await second.ended;
});

test('the password is in no argument of the running node', () => {
  const key = readFileSync(nodes.btc.passwordFile, 'utf8');
  const argv = readFileSync(`/proc/${nodes.btc.daemon.pid}/cmdline`, 'utf8');
  assert.ok(argv.includes('node.mjs'));
  assert.ok(!argv.includes(key));
});
