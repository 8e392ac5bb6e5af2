// A given node, with a real one: what makes it fit, and how a wallet of ours gets its coins there.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { createKeyFile, ExternalWallet, mine } from '../external-wallet/external_wallet.mjs';
import { fundOnGivenNode, NodeUnfit, requireRegtest, startNode } from './chains.mjs';
import { takeGivenWallet } from './given_wallet.mjs';
import { ProcessTable } from './processes.mjs';

const directory = mkdtempSync(path.join(tmpdir(), 'custody-given-'));
const processes = new ProcessTable();
let node;

function newWallet(name) {
  const keyFile = path.join(directory, `${name}.key`);
  createKeyFile(keyFile, node.params);
  return new ExternalWallet({ rpc: node.rpc, params: node.params, keyFile });
}

/** The node with other answers to some calls. */
const lying = (answers) => ({ ...node, rpc: { call: async (method, ...params) => answers[method] ?? node.rpc.call(method, ...params) } });

before(async () => { node = await startNode(processes, 'btc', directory); });

after(async () => {
  node.rpc.close();
  await processes.stopAll();
  rmSync(directory, { recursive: true });
});

test('a new node gets blocks to our own address until 14 BTC are mature and SegWit is active, and no more', async () => {
  const wallet = newWallet('ours');
  const told = [];
  await fundOnGivenNode(node, wallet, { progress: (text) => told.push(text) });
  const height = await wallet.sync();
  assert.ok(wallet.balance().spendable >= 1_400_000_000n);
  assert.equal((await node.rpc.call('getblockchaininfo')).bip9_softforks.segwit.status, 'active');
  assert.ok(height < 450, `height ${height}`);
  assert.match(told[0], /height 0: 0 BTC mature, mining to bcrt1/);
  await fundOnGivenNode(node, wallet, {});
  assert.equal(await node.rpc.call('getblockcount'), height, 'with coins there is nothing to mine');
});

test('a wallet without coins gets some of the smaller rewards too, as long as there are any', async () => {
  const wallet = newWallet('late');
  await fundOnGivenNode(node, wallet, {});
  await wallet.sync();
  assert.ok(wallet.balance().spendable >= 1_400_000_000n);
});

test('only regtest with our genesis and bcrt1 addresses is fit, and being asked changes nothing', async () => {
  const { address } = newWallet('asks');
  const height = await node.rpc.call('getblockcount');
  await requireRegtest(node, address);
  await assert.rejects(requireRegtest(lying({ getblockchaininfo: { chain: 'main' } }), address), (error) => {
    assert.ok(error instanceof NodeUnfit);
    assert.match(error.message, /is a node of "main": only regtest is possible/);
    return true;
  });
  await assert.rejects(requireRegtest(lying({ getblockhash: 'ab'.repeat(32) }), address), /has genesis abab.*, needed is 0f9188f1/);
  await assert.rejects(requireRegtest(node, 'rltc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqz8lvru'), /does not take the address rltc1/);
  assert.equal(await node.rpc.call('getblockcount'), height);
});

test('above height 1,200 address and amount are named and nothing is mined', async () => {
  await mine(node.rpc, 1_201 - await node.rpc.call('getblockcount'), newWallet('miner').address);
  const wallet = newWallet('too late');
  await assert.rejects(fundOnGivenNode(node, wallet, {}), (error) => {
    assert.ok(error instanceof NodeUnfit);
    assert.ok(error.message.includes(`at height 1201, where mining pays too little: send 14 BTC or more to ${wallet.address}, confirm it, and start again`));
    return true;
  });
  assert.equal(await node.rpc.call('getblockcount'), 1_201);
});

test('runs at the same time take different wallets; one whose owner has ended is taken again', () => {
  const folder = path.join(directory, 'wallets');
  const take = (url = 'http://127.0.0.1:1/') => takeGivenWallet(folder, url, node.params);
  const first = take();
  const second = take();
  assert.notEqual(first.keyFile, second.keyFile);
  assert.notEqual(take('http://127.0.0.1:2/').keyFile, first.keyFile);
  rmSync(first.lock);
  assert.equal(take().keyFile, first.keyFile);
});
