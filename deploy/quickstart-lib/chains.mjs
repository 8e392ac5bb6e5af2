// The external chains of a run: nodes of our own (deploy/chains/node.mjs), or for BTC a given one.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { readPasswordFile, Rpc, RpcError } from '../external-wallet/rpc.mjs';
import { knownParamsFile, readParams } from '../chains/params.mjs';

const NODE_SCRIPT = fileURLToPath(new URL('../chains/node.mjs', import.meta.url));
const READY_MS = 30_000;

/**
 * Starts a node of `name` ("btc", "ltc") with its log in DIR/NAME.log and its RPC password in DIR/NAME.key (0600).
 * Returns {name, params, paramsFile, url, user, passwordFile, rpc, daemon}.
 */
export async function startNode(processes, name, directory, { timeoutMs = READY_MS } = {}) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const passwordFile = path.join(directory, `${name}.key`);
  writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  const daemon = processes.start({
    name: `chain node ${name}`,
    command: process.execPath,
    args: [NODE_SCRIPT, '--chain', name, '--api-key-file', passwordFile, '--exit-on-stdin-close'],
    log: path.join(directory, `${name}.log`),
    stdin: 'pipe',
    stdout: 'pipe',
  });
  const ready = JSON.parse(await daemon.firstLine(timeoutMs));
  return attach({ name, url: `http://${ready.host}:${ready.port}/`, user: 'x', passwordFile, daemon });
}

/** A node that runs already. */
export function attach({ name, url, user, passwordFile, daemon }) {
  const paramsFile = knownParamsFile(name);
  const params = readParams(paramsFile);
  const rpc = new Rpc({ url, user, password: readPasswordFile(passwordFile) });
  return { name, params, paramsFile, url: rpc.url, user, passwordFile, rpc, daemon };
}

/** The given node cannot be used; the message says why and what to do, and needs no other words. */
export class NodeUnfit extends Error {
  tellsAll = true;
}

const GIVEN_NEEDED = 14n * 100_000_000n;
const GIVEN_TOP_HEIGHT = 1_200;
const GIVEN_BATCH = 10;
const GIVEN_PROGRESS = 100; // blocks between two lines of progress

/** Refuses a node that is not of this chain, or does not take its addresses. Changes nothing there. */
export async function requireRegtest(chain, address) {
  try {
    const info = await chain.rpc.call('getblockchaininfo');
    if (info.chain !== 'regtest') throw new NodeUnfit(`${chain.url} is a node of "${info.chain}": only regtest is possible`);
    const genesis = await chain.rpc.call('getblockhash', 0);
    if (genesis !== chain.params.genesis.hash) throw new NodeUnfit(`${chain.url} has genesis ${genesis}, needed is ${chain.params.genesis.hash}`);
    await chain.rpc.call('generatetoaddress', 0, address);
  } catch (error) {
    if (error instanceof NodeUnfit) throw error;
    if (error instanceof RpcError && error.method === 'generatetoaddress') {
      throw new NodeUnfit(`${chain.url} does not take the address ${address}: ${error.reason}`);
    }
    throw new NodeUnfit(error.message);
  }
}

/** Whether the node enforces SegWit: Bitcoin Core always does in regtest, bcoin after its BIP9 activation. */
function segwitActive(info) {
  const bip9 = info.bip9_softforks?.segwit;
  return bip9 === undefined ? true : bip9.status === 'active';
}

/**
 * Mines on a given node to the wallet's own address until 14 coins are mature and SegWit is active. Above height 1,200 a subsidy is too small to help:
 * then NodeUnfit names address and amount. `progress(text)` is called now and then; `signal` ends it.
 */
export async function fundOnGivenNode(chain, wallet, { signal, progress = () => {} }) {
  for (let mined = 0; ; mined += GIVEN_BATCH) {
    signal?.throwIfAborted();
    const height = await wallet.sync();
    const { spendable, immature } = wallet.balance();
    if (spendable >= GIVEN_NEEDED && segwitActive(await chain.rpc.call('getblockchaininfo'))) return;
    if (height > GIVEN_TOP_HEIGHT && spendable + immature < GIVEN_NEEDED) {
      const missing = Number(GIVEN_NEEDED - spendable - immature) / 1e8;
      throw new NodeUnfit(
        `${chain.url} is at height ${height}, where mining pays too little: send ${missing} BTC or more to ${wallet.address}, confirm it, and start again`,
      );
    }
    if (mined % GIVEN_PROGRESS === 0) progress(`height ${height}: ${Number(spendable) / 1e8} BTC mature, mining to ${wallet.address} until 14 are`);
    await chain.rpc.call('generatetoaddress', GIVEN_BATCH, wallet.address);
  }
}

/** Mines one block a second on a chain until stopped. */
export class Miner {
  /** @param {{chain: object, address: string, everyMs?: number, patience?: number}} options; it gives up after `patience` failures in a row */
  constructor({ chain, address, everyMs = 1_000, patience = 5 }) {
    this.chain = chain;
    this.address = address;
    this.everyMs = everyMs;
    this.patience = patience;
    this.failures = 0;
    this.lastError = undefined;
    this.paused = false;
    this.stopped = new AbortController();
    this.loop = this.#run();
  }

  async #run() {
    const { signal } = this.stopped;
    while (!signal.aborted) {
      try {
        if (!this.paused) await this.chain.rpc.call('generatetoaddress', 1, this.address);
        this.failures = 0;
      } catch (error) {
        this.failures += 1;
        this.lastError = error;
      }
      await sleep(this.everyMs, undefined, { signal }).catch(() => {});
    }
  }

  /** Throws when the node did not mine several times in a row. */
  assertHealthy() {
    if (this.failures >= this.patience) throw new Error(`mining on ${this.chain.name} fails: ${this.lastError.message}`);
  }

  async stop() {
    this.stopped.abort();
    await this.loop;
  }
}
