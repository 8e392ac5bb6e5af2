// The payout's inspection against a real chain: 3-of-4 with an unsignable fifth key, as deposits are.
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { bitcoinjsNetwork } from '../chains/params.mjs';
import { broadcast, createKeyFile, ExternalWallet, mine } from '../external-wallet/external_wallet.mjs';
import { fundOnGivenNode, Miner, NodeUnfit, requireRegtest, startNode } from './chains.mjs';
import { anchorOf } from './network.mjs';
import { inspectPayout, signersOf } from './payout.mjs';
import { ProcessTable } from './processes.mjs';

const require = createRequire(new URL('../npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
const ecc = require('@bitcoinerlab/secp256k1');
const { ECPairFactory } = require('ecpair');
const keyPairs = ECPairFactory(ecc);
const COIN = 100_000_000n;

const directory = mkdtempSync(path.join(tmpdir(), 'custody-payout-'));
const processes = new ProcessTable();
const keys = Array.from({ length: 5 }, () => keyPairs.makeRandom());
const seats = keys.slice(0, 4).map((key, index) => ({ member: `member-${index + 1}`, seatKey: Buffer.from(key.publicKey).toString('hex') }));
let chain;
let wallet;
let network;
let reserve;

before(async () => {
  chain = await startNode(processes, 'btc', directory);
  network = bitcoinjsNetwork(chain.params);
  const keyFile = path.join(directory, 'wallet.key');
  createKeyFile(keyFile, chain.params);
  wallet = new ExternalWallet({ rpc: chain.rpc, params: chain.params, keyFile });
  const pubkeys = keys.map((key) => Buffer.from(key.publicKey)).sort(Buffer.compare);
  const p2ms = bitcoin.payments.p2ms({ m: 3, pubkeys, network });
  reserve = bitcoin.payments.p2wsh({ redeem: p2ms, network });
  await mine(chain.rpc, 450, wallet.address);
  chain.anchor = await anchorOf(chain.rpc);
});

after(async () => {
  chain.rpc.close();
  await processes.stopAll();
  rmSync(directory, { recursive: true });
});

async function payOut(signers, amount, fee) {
  const deposits = [await wallet.send(reserve.address, 2n * COIN, 1n), await wallet.send(reserve.address, 3n * COIN, 1n)];
  await mine(chain.rpc, 1, wallet.address);
  const psbt = new bitcoin.Psbt({ network });
  for (const [index, deposit] of deposits.entries()) {
    psbt.addInput({
      hash: deposit.txid, index: deposit.vout, witnessUtxo: { script: reserve.output, value: BigInt(index + 2) * COIN }, witnessScript: reserve.redeem.output,
    });
  }
  psbt.addOutput({ address: wallet.address, value: amount });
  psbt.addOutput({ address: reserve.address, value: 5n * COIN - amount - fee });
  for (const index of signers) psbt.signAllInputs(keys[index]);
  psbt.finalizeAllInputs();
  return { transaction: psbt.extractTransaction(), deposits };
}

test('the anchor is the tip, with its bits', async () => {
  const anchor = await anchorOf(chain.rpc);
  assert.deepEqual(anchor, { height: 450, hash: await chain.rpc.call('getblockhash', 450), bits: '207fffff' });
});

test('a payout is read back from the chain: payee, fee, anchor, and exactly who signed', async () => {
  const { transaction, deposits } = await payOut([0, 1, 3], 4n * COIN, 1_234n);
  await broadcast(chain.rpc, transaction.toHex(), transaction.getId());
  await mine(chain.rpc, 3, wallet.address);
  const request = { chain, first: chain.anchor.height, txid: transaction.getId(), address: wallet.address, amount: 4n * COIN, seats };
  assert.deepEqual(await inspectPayout(request), {
    raw: transaction.toHex(),
    confirmations: 3,
    anchor: `${deposits[0].txid}:0`,
    fee: 1_234n,
    signedBy: [0, 1, 3].map((index) => ({ member: seats[index].member, seat_key: seats[index].seatKey })),
  });
  await assert.rejects(inspectPayout({ ...request, amount: COIN }), /pays 400000000 to .*, not 100000000/);
  await assert.rejects(inspectPayout({ ...request, txid: '11'.repeat(32) }), /is in no block/);
  await assert.rejects(inspectPayout({ ...request, first: await chain.rpc.call('getblockcount') }), /is in no block/);
});

test('signatures of a stranger, over another amount, or that differ per input are found', async () => {
  const { transaction } = await payOut([0, 1, 4], 4n * COIN, 1_234n);
  const values = [2n * COIN, 3n * COIN];
  assert.throws(() => signersOf(transaction, values, seats), /a signature of none of the seats/);
  const good = (await payOut([0, 1, 2], 4n * COIN, 1_234n)).transaction;
  assert.deepEqual(signersOf(good, values, seats), ['member-1', 'member-2', 'member-3']);
  assert.throws(() => signersOf(good, [values[0], values[1] + 1n], seats), /a signature of none of the seats/);
  const fewer = good.clone();
  fewer.ins[1].witness[1] = new Uint8Array(0);
  assert.throws(() => signersOf(fewer, values, seats), /signed by different seats/);
});

test('a miner mines until it is stopped, tells when it cannot, and asks nothing of the node while it is paused', async () => {
  const before = await chain.rpc.call('getblockcount');
  const miner = new Miner({ chain, address: wallet.address, everyMs: 5 });
  while (await chain.rpc.call('getblockcount') < before + 3) miner.assertHealthy();
  await miner.stop();
  const stopped = await chain.rpc.call('getblockcount');
  const broken = new Miner({ chain, address: 'nonsense', everyMs: 1, patience: 2 });
  const aWhile = () => new Promise((resolve) => { setTimeout(resolve, 1); });
  while (broken.failures < 2) await aWhile();
  assert.throws(() => broken.assertHealthy(), /mining on btc fails/);
  broken.paused = true;
  while (broken.failures > 0) await aWhile();
  broken.paused = false;
  while (broken.failures < 2) await aWhile();
  await broken.stop();
  assert.equal(await chain.rpc.call('getblockcount'), stopped);
});

test('a given node of another chain, or that cannot be asked, is unfit and stays untouched', async () => {
  const ltc = await startNode(processes, 'ltc', directory);
  const asBtc = { ...chain, rpc: ltc.rpc, url: ltc.url };
  await assert.rejects(requireRegtest(asBtc, wallet.address), (error) => error instanceof NodeUnfit && /has genesis 5308/.test(error.message));
  const main = { ...chain, rpc: { call: async () => ({ chain: 'main' }) } };
  await assert.rejects(requireRegtest(main, wallet.address), (error) => error instanceof NodeUnfit && /only regtest/.test(error.message));
  await assert.rejects(requireRegtest(chain, 'rltc1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqrsmh6q'), (error) => error instanceof NodeUnfit && /does not take/.test(error.message));
  assert.equal(await ltc.rpc.call('getblockcount'), 0);
  ltc.rpc.close();
  await ltc.daemon.stop();
  await assert.rejects(requireRegtest(asBtc, wallet.address), NodeUnfit);
  await requireRegtest(chain, wallet.address);
});

test('on a given node it mines until 14 coins are mature, and above height 1,200 it names address and amount', async () => {
  const given = await startNode(processes, 'btc', path.join(directory, 'given'));
  const fresh = (name) => {
    const keyFile = path.join(directory, `${name}.key`);
    createKeyFile(keyFile, given.params);
    return new ExternalWallet({ rpc: given.rpc, params: given.params, keyFile });
  };
  const first = fresh('first');
  await fundOnGivenNode(given, first, {});
  assert.ok(first.balance().spendable >= 14n * COIN);
  assert.equal((await given.rpc.call('getblockchaininfo')).bip9_softforks.segwit.status, 'active');

  await mine(given.rpc, 1_201 - (await given.rpc.call('getblockcount')), first.address);
  const late = fresh('late');
  const error = await fundOnGivenNode(given, late, {}).catch((reason) => reason);
  assert.ok(error instanceof NodeUnfit);
  assert.ok(error.message.includes(`send 14 BTC or more to ${late.address}`));
  assert.equal(await given.rpc.call('getblockcount'), 1_201);

  await first.send(late.address, 20n * COIN, 1n);
  await mine(given.rpc, 1, first.address);
  await fundOnGivenNode(given, late, {});
  assert.equal(late.balance().spendable, 20n * COIN);
  given.rpc.close();
});
