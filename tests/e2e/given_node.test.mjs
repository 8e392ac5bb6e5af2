// --bitcoin-rpc: a regtest node that runs already, is used, and is neither stopped nor reorganised; a node that cannot be used: exit 4.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { after, before, describe, test } from 'node:test';
import { createKeyFile, ExternalWallet, mine } from '../../deploy/external-wallet/external_wallet.mjs';
import { startNode } from '../../deploy/quickstart-lib/chains.mjs';
import { ProcessTable } from '../../deploy/quickstart-lib/processes.mjs';
import { freshDirectory, quickstart, readSummary, TIME_SCALE } from './harness.mjs';
import { assertDepositScripts, assertPayouts } from './payout.mjs';
import { assertFailedSummary, assertSummary } from './summary.mjs';

const TOO_HIGH = 1_201; // above height 1,200 mining pays too little
const COIN = 100_000_000n;

describe('quickstart --bitcoin-rpc', () => {
  const processes = new ProcessTable();
  const folder = freshDirectory('given node');
  const nodes = {};
  let owner; // of the node, and of all its coins
  let asked; // address that the refused run asked to be funded

  /** Runs the quickstart on a node: the run with its exit code, and its summary. */
  async function given(node, name) {
    const directory = freshDirectory(name);
    const run = await quickstart([
      '--json', '--dir', directory, '--time-scale', TIME_SCALE,
      '--bitcoin-rpc', node.url, '--bitcoin-rpc-user', 'x', '--bitcoin-rpc-password-file', node.passwordFile,
    ], { watch: true });
    return { run, summary: readSummary(directory) };
  }

  before(async () => {
    mkdirSync(folder, { recursive: true });
    for (const name of ['btc', 'ltc']) nodes[name] = await startNode(processes, name, folder);
    const keyFile = path.join(folder, 'owner.key');
    createKeyFile(keyFile, nodes.btc.params);
    owner = new ExternalWallet({ rpc: nodes.btc.rpc, params: nodes.btc.params, keyFile });
    await mine(nodes.btc.rpc, TOO_HIGH, owner.address);
  });

  after(async () => {
    for (const node of Object.values(nodes)) node.rpc.close();
    await processes.stopAll();
  });

  test('exit 4: a node of another chain', async () => {
    const { run, summary } = await given(nodes.ltc, 'given another chain');
    assert.equal(run.code, 4);
    assertFailedSummary(summary, 'chains');
    assert.match(summary.error, /has genesis 5308[0-9a-f]{60}, needed is 0f9188f1/);
  });

  test('exit 4: nobody at that address, or a wrong password', async () => {
    const wrong = { url: nodes.btc.url, passwordFile: nodes.ltc.passwordFile };
    for (const [node, pattern] of [[{ url: 'http://127.0.0.1:9/', passwordFile: nodes.btc.passwordFile }, /127\.0\.0\.1:9/], [wrong, /refuses the user or the password/]]) {
      const { run, summary } = await given(node, 'given nobody');
      assert.equal(run.code, 4);
      assert.match(summary.error, pattern);
    }
  });

  test('exit 4: above height 1,200 it names address and amount to fund, and mines nothing', async () => {
    const { run, summary } = await given(nodes.btc, 'given too high');
    assert.equal(run.code, 4);
    const [, amount, address] = /at height 1201, .* send (\d+(?:\.\d+)?) BTC or more to (bcrt1\w+), confirm it, and start again/.exec(summary.error);
    assert.equal(amount, '14');
    assert.equal(await nodes.btc.rpc.call('getblockcount'), TOO_HIGH);
    asked = address;
  });

  test('funded as it said, the whole job runs there, and the node goes on with every block that it had', async () => {
    await owner.sync();
    await owner.send(asked, 14n * COIN, 2n);
    await mine(nodes.btc.rpc, 1, owner.address);
    const tip = await nodes.btc.rpc.call('getbestblockhash');
    const { run, summary } = await given(nodes.btc, 'given');
    assert.equal(run.code, 0, run.stderr.slice(-3000));
    assertSummary(summary, 4);
    assertDepositScripts(summary);
    assertPayouts(summary);
    assert.equal(await nodes.btc.rpc.call('getblockhash', TOO_HIGH + 1), tip);
    assert.ok((await nodes.btc.rpc.call('getblockcount')) > TOO_HIGH + 1);
    assert.ok(nodes.btc.daemon.running);
    assert.deepEqual(await run.leftOver(), []);
  });
});
