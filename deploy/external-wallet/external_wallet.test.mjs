// The wallet against the invariants of README.md, with real nodes.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bitcoinjsNetwork } from '../chains/params.mjs';
import { startNode } from '../quickstart-lib/chains.mjs';
import { ProcessTable } from '../quickstart-lib/processes.mjs';
import { broadcast, createKeyFile, estimateVirtualSize, ExternalWallet, findOutputs, mine, scriptOf, WalletError } from './external_wallet.mjs';
import { Rpc, RpcError, RpcUnreachable } from './rpc.mjs';

const require = createRequire(new URL('../npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
const CLI = fileURLToPath(new URL('./wallet.mjs', import.meta.url));
const COIN = 100_000_000n;

const directory = mkdtempSync(path.join(tmpdir(), 'custody-wallet-'));
const processes = new ProcessTable();
const nodes = {};
const wallets = {};

function newWallet(node, name, rpc = node.rpc) {
  const keyFile = path.join(directory, `${name}.key`);
  createKeyFile(keyFile, node.params);
  return new ExternalWallet({ rpc, params: node.params, keyFile, stateFile: `${keyFile}.state.json` });
}

function p2wsh(node, byte) {
  const script = bitcoin.script.compile([bitcoin.opcodes.OP_1, Buffer.from([byte]), bitcoin.opcodes.OP_DROP]);
  return bitcoin.payments.p2wsh({ redeem: { output: script }, network: bitcoinjsNetwork(node.params) }).address;
}

before(async () => {
  for (const name of ['btc', 'ltc']) {
    nodes[name] = await startNode(processes, name, directory);
    wallets[name] = newWallet(nodes[name], `${name}-main`);
    await mine(nodes[name].rpc, 450, wallets[name].address);
  }
});

after(async () => {
  for (const node of Object.values(nodes)) node.rpc.close();
  await processes.stopAll();
  rmSync(directory, { recursive: true, force: true });
});

test('the key file is readable by its owner only and is never overwritten', () => {
  const file = path.join(directory, 'btc-main.key');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  assert.throws(() => createKeyFile(file, nodes.btc.params), /EEXIST/);
});

test('invariant 2: a coinbase output is spendable in the block 100 after it, not before', async () => {
  const wallet = wallets.btc;
  await wallet.sync();
  // Blocks 1..351 can be spent in block 451; subsidy 50 up to block 149, 25 up to 299, then 12.5.
  assert.equal(wallet.coins().spendable.length, 351);
  assert.deepEqual(wallet.balance(), {
    spendable: (149n * 50n + 150n * 25n) * COIN + 52n * (COIN * 25n) / 2n,
    immature: 98n * (COIN * 25n) / 2n + (COIN * 25n) / 4n,
  });
});

for (const name of ['btc', 'ltc']) {
  test(`${name}: pays P2WSH and P2WPKH, the outputs are found in blocks, the sizes are as planned`, async () => {
    const node = nodes[name];
    const wallet = wallets[name];
    const bob = newWallet(node, `${name}-bob`);
    const before = await wallet.sync().then(() => wallet.balance().spendable);
    const address = p2wsh(node, 1);
    assert.ok(address.startsWith(`${node.params.bech32}1q`));
    const sent = await wallet.send(address, 120n * COIN, 3n);
    const transaction = bitcoin.Transaction.fromHex(sent.raw);
    assert.equal(transaction.getId(), sent.txid);
    assert.equal(transaction.outs[sent.vout].value, 120n * COIN);
    const estimate = estimateVirtualSize(transaction.ins.length, transaction.outs.map((output) => output.script));
    assert.ok(transaction.virtualSize() <= estimate && estimate <= transaction.virtualSize() + transaction.ins.length);
    assert.equal(sent.fee, BigInt(estimate) * 3n);
    // Invariant 4: the next payment takes other coins although nothing was mined.
    const second = await wallet.send(bob.address, 7n * COIN, 1n);
    const outpoints = (tx) => tx.ins.map((input) => `${Buffer.from(input.hash).toString('hex')}:${input.index}`);
    const held = new Set(outpoints(transaction));
    assert.ok(outpoints(bitcoin.Transaction.fromHex(second.raw)).every((outpoint) => !held.has(outpoint)));
    await mine(node.rpc, 1, p2wsh(node, 9));
    const tip = await node.rpc.call('getblockcount');
    assert.deepEqual(await wallet.received({ address, txid: sent.txid }), [{ txid: sent.txid, vout: 0, amount: 120n * COIN, height: tip, confirmations: 1 }]);
    assert.deepEqual((await bob.received()).map((output) => output.amount), [7n * COIN]);
    assert.deepEqual((await findOutputs(node.rpc, scriptOf(address, node.params), 0, tip - 1)), []);
    await wallet.sync();
    // One more coinbase has matured meanwhile.
    const matured = wallet.coins().spendable.filter((coin) => coin.coinbase && tip + 1 - coin.height === 100).reduce((sum, coin) => sum + coin.amount, 0n);
    assert.equal(wallet.balance().spendable, before + matured - 127n * COIN - sent.fee - second.fee);
  });
}

test('invariant 3: a transaction that bcoin will not take is a refusal, although bcoin answers with its id', async () => {
  const { rpc, params } = nodes.btc;
  const transaction = new bitcoin.Transaction();
  transaction.addInput(Buffer.alloc(32, 7), 0);
  transaction.addOutput(scriptOf(wallets.btc.address, params), 1000n);
  assert.equal(await rpc.call('sendrawtransaction', transaction.toHex()), transaction.getId());
  await assert.rejects(broadcast(rpc, transaction.toHex(), transaction.getId(), 500), /did not take transaction .* within 500 ms/);
  await assert.rejects(broadcast(rpc, '00', 'none'), WalletError);
});

test('invariant 3: a transaction that is in a block before anybody looks at the mempool was taken', async () => {
  const { rpc } = nodes.btc;
  const hasty = {
    call: async (method, ...params) => {
      const answer = await rpc.call(method, ...params);
      if (method !== 'sendrawtransaction') return answer;
      while (!(await rpc.call('getrawmempool')).includes(answer)) await new Promise((resolve) => { setTimeout(resolve, 5); });
      await mine(rpc, 1, wallets.btc.address);
      return answer;
    },
  };
  const payer = new ExternalWallet({ rpc: hasty, params: nodes.btc.params, keyFile: path.join(directory, 'btc-main.key'), stateFile: undefined });
  const sent = await payer.send(newWallet(nodes.btc, 'btc-hasty').address, COIN, 2n);
  const [received] = await payer.received({ address: payer.address, txid: sent.txid });
  assert.equal(received.confirmations, 1);
});

test('refusals before anything is sent', async () => {
  const { btc } = wallets;
  await assert.rejects(btc.send(p2wsh(nodes.ltc, 1), COIN, 1n), /is no address of btc/);
  await assert.rejects(btc.send('nonsense', COIN, 1n), /is no address of btc/);
  await assert.rejects(btc.send(p2wsh(nodes.btc, 1), 1n, 1n), /dust/);
  await assert.rejects(btc.send(p2wsh(nodes.btc, 1), COIN, 0n), /fee rate/);
  await assert.rejects(btc.send(p2wsh(nodes.btc, 1), 20_000n * COIN, 1n), /cannot pay/);
  await assert.rejects(newWallet(nodes.btc, 'empty').send(p2wsh(nodes.btc, 1), COIN, 1n), /cannot pay/);
});

test('invariant 5: after a reorganisation the wallet holds what the new chain says', async () => {
  const { rpc } = nodes.btc;
  const alice = newWallet(nodes.btc, 'alice');
  await wallets.btc.send(alice.address, 2n * COIN, 1n);
  await mine(rpc, 1, p2wsh(nodes.btc, 9));
  const fork = await alice.sync();
  assert.equal(alice.balance().spendable, 2n * COIN);
  const spend = await alice.send(wallets.btc.address, COIN, 1n);
  await mine(rpc, 1, p2wsh(nodes.btc, 9));
  await alice.sync();
  assert.equal(alice.balance().spendable, COIN - spend.fee);

  // A second node with the same blocks up to the fork mines a longer branch without the payment.
  const rival = await startNode(processes, 'btc', path.join(directory, 'rival'));
  for (let height = 1; height <= fork; height++) {
    await rival.rpc.call('submitblock', await rpc.call('getblock', await rpc.call('getblockhash', height), false));
  }
  await rival.rpc.call('generatetoaddress', 2, alice.address);
  for (let height = fork + 1; height <= fork + 2; height++) {
    await rpc.call('submitblock', await rival.rpc.call('getblock', await rival.rpc.call('getblockhash', height), false));
  }
  assert.equal(await rpc.call('getblockhash', fork + 2), await rival.rpc.call('getblockhash', fork + 2));
  rival.rpc.close();

  await alice.sync();
  const subsidies = alice.coins().immature.map((coin) => coin.height);
  assert.deepEqual(subsidies, [fork + 1, fork + 2]);
  assert.deepEqual((await alice.received()).map((output) => output.height), [fork, fork + 1, fork + 2]);
  // The payment is out of the chain and bcoin does not put it back into its mempool.
  assert.equal(alice.balance().spendable, 2n * COIN);
});

test('invariant 4, after a reorganisation: a payment that is back in the mempool holds its coins', async () => {
  const { rpc } = nodes.btc;
  const carol = newWallet(nodes.btc, 'carol');
  await wallets.btc.send(carol.address, 2n * COIN, 1n);
  await mine(rpc, 1, p2wsh(nodes.btc, 9));
  const spend = await carol.send(wallets.btc.address, COIN, 1n);
  await mine(rpc, 1, p2wsh(nodes.btc, 9));
  const height = await carol.sync();
  const rival = await startNode(processes, 'btc', path.join(directory, 'rival-2'));
  for (let block = 1; block < height; block++) {
    await rival.rpc.call('submitblock', await rpc.call('getblock', await rpc.call('getblockhash', block), false));
  }
  for (const hash of await rival.rpc.call('generatetoaddress', 2, p2wsh(nodes.btc, 8))) {
    await rpc.call('submitblock', await rival.rpc.call('getblock', hash, false));
  }
  rival.rpc.close();
  await broadcast(rpc, spend.raw, spend.txid);
  await carol.sync();
  assert.equal(carol.balance().spendable, 0n);
  await mine(rpc, 1, p2wsh(nodes.btc, 9));
  await carol.sync();
  assert.equal(carol.balance().spendable, COIN - spend.fee);
});

test('invariant 6: a node of another chain is refused', async () => {
  const wrong = new ExternalWallet({ rpc: nodes.ltc.rpc, params: nodes.btc.params, keyFile: path.join(directory, 'btc-main.key') });
  await assert.rejects(wrong.sync(), /another chain/);
});

test('a state file of another wallet is refused, a deleted one is made again', async () => {
  const keyFile = path.join(directory, 'empty.key');
  const stateFile = path.join(directory, 'btc-main.key.state.json');
  assert.throws(() => new ExternalWallet({ rpc: nodes.btc.rpc, params: nodes.btc.params, keyFile, stateFile }), /another wallet/);
  await wallets.btc.sync();
  const fresh = new ExternalWallet({ rpc: nodes.btc.rpc, params: nodes.btc.params, keyFile: path.join(directory, 'btc-main.key') });
  await fresh.sync();
  assert.deepEqual(fresh.balance(), wallets.btc.balance());
});

async function scripted(answer, use, timeoutMs = 30_000) {
  const server = http.createServer((request, response) => {
    request.resume();
    request.on('end', () => answer(response, request));
  });
  await new Promise((resolve) => { server.listen(0, '127.0.0.1', resolve); });
  const rpc = new Rpc({ url: `http://127.0.0.1:${server.address().port}/`, password: 'p', timeoutMs });
  try {
    await use(rpc);
  } finally {
    rpc.close();
    server.closeAllConnections();
    server.close();
  }
}

test('a node that closes a connection after its answer is asked on another', async () => {
  const used = new Set();
  const once = (response, request) => {
    if (used.has(request.socket)) return request.socket.destroy(); // as when it closes an idle connection at this moment
    used.add(request.socket);
    return response.end(`{"result":7,"error":null,"id":${used.size}}`);
  };
  await scripted(once, async (rpc) => {
    for (let i = 0; i < 3; ++i) assert.equal(await rpc.call('getblockcount'), 7);
  });
});

test('nonsense, silence and absence of the node are told apart from its refusals', async () => {
  const refuses = (kind) => (rpc) => assert.rejects(rpc.call('getblockcount'), kind);
  await scripted((response) => response.end('<html>'), refuses(RpcUnreachable));
  await scripted((response) => response.end('{}'), refuses(RpcUnreachable));
  await scripted((response) => response.end('{"result":1,"error":null,"id":99}'), refuses(RpcUnreachable));
  await scripted(() => {}, refuses(RpcUnreachable), 300);
  await scripted((response) => {
    response.statusCode = 500; // as Bitcoin Core does
    response.end('{"result":null,"error":{"code":-26,"message":"dust"},"id":1}');
  }, refuses((error) => error instanceof RpcError && error.code === -26 && error.reason === 'dust'));
  await assert.rejects(new Rpc({ url: 'http://127.0.0.1:1/', password: 'p' }).call('getblockcount'), RpcUnreachable);
  assert.throws(() => new Rpc({ url: 'http://u:p@127.0.0.1:1/', password: 'p' }), /must not hold/);
  assert.throws(() => new Rpc({ url: 'nowhere', password: 'p' }), RpcUnreachable);
});

// The chain nodes run in processes of their own, so a synchronous call does not stop them.
function cli(...args) {
  const result = spawnSync(process.execPath, [CLI, ...args], { encoding: 'utf8', timeout: 30_000 });
  return { ...result, json: result.status === 0 ? JSON.parse(result.stdout) : undefined };
}

test('the command line: new, address, balance, send, received; usage 2, refusal 1, unreachable 3', async () => {
  const node = nodes.ltc;
  const key = path.join(directory, 'cli.key');
  const common = ['--network', node.paramsFile, '--key', key];
  const online = [...common, '--rpc-url', node.url, '--rpc-user', 'u', '--rpc-password-file', node.passwordFile];
  const { address } = cli('new', ...common).json;
  assert.equal(cli('new', ...common).status, 1);
  assert.equal(cli('address', ...common).json.address, address);
  const funding = await wallets.ltc.send(address, 5n * COIN, 1n);
  await mine(node.rpc, 1, p2wsh(node, 9));
  assert.equal(cli('balance', ...online).json.spendable, '500000000');
  assert.equal(cli('received', ...online, '--txid', funding.txid).json.received[0].amount, '500000000');
  const sent = cli('send', ...online, '--to', p2wsh(node, 4), '--amount', '123456789', '--fee-rate', '2').json;
  assert.deepEqual(Object.keys(sent), ['txid', 'vout', 'raw', 'fee']);
  assert.ok((await node.rpc.call('getrawmempool')).includes(sent.txid));
  assert.equal(cli('send', ...online, '--to', p2wsh(node, 4), '--amount', '999999999999', '--fee-rate', '2').status, 1);
  assert.equal(cli('send', ...online, '--to', p2wsh(node, 4), '--amount', '1.5', '--fee-rate', '2').status, 2);
  assert.equal(cli('pay', ...online).status, 2);
  const dead = path.join(directory, 'dead.key');
  writeFileSync(dead, readFileSync(node.passwordFile));
  assert.equal(cli('balance', ...common, '--rpc-url', 'http://127.0.0.1:1/', '--rpc-password-file', dead).status, 3);
});
