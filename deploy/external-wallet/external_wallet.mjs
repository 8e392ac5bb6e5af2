// A single-key P2WPKH wallet on a Bitcoin-family chain, built with bitcoinjs-lib. Coins are found by reading blocks. See README.md.
import { randomBytes } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { bitcoinjsNetwork } from '../chains/params.mjs';
import { RpcError } from './rpc.mjs';

const require = createRequire(new URL('../npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
const ecc = require('@bitcoinerlab/secp256k1');
const { ECPairFactory } = require('ecpair');
const keyPairs = ECPairFactory(ecc);

export const COINBASE_MATURITY = 100;
const RECENT_BLOCKS = 288; // how deep a reorganisation may be before everything is read again
const READ_AHEAD = 16;
const DUST = 294n; // P2WPKH at 3 sat/vB, Bitcoin Core's default
const BROADCAST_WAIT_MS = 10_000;
const BROADCAST_POLL_MS = 50;
const SEQUENCE = 0xfffffffd;
const STATE_SCHEMA = 'custody.external-wallet/1';

export class WalletError extends Error {}

const sleep = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });
const txidOf = (inputHash) => Buffer.from(inputHash).reverse().toString('hex');
const ceilDiv = (a, b) => (a + b - 1n) / b;

/** Makes a random key and writes it to a new file that only its owner can read. */
export function createKeyFile(file, params) {
  const network = bitcoinjsNetwork(params);
  const pair = keyPairs.fromPrivateKey(randomPrivateKey(), { network });
  writeFileSync(file, `${pair.toWIF()}\n`, { mode: 0o600, flag: 'wx' });
}

function randomPrivateKey() {
  for (;;) {
    const candidate = randomBytes(32);
    if (ecc.isPrivate(candidate)) return candidate;
  }
}

/** The script an address of this network stands for; a clear error for anything else. */
export function scriptOf(address, params) {
  try {
    return Buffer.from(bitcoin.address.toOutputScript(address, bitcoinjsNetwork(params)));
  } catch (error) {
    throw new WalletError(`${address} is no address of ${params.name} (${params.bech32}1...): ${error.message}`);
  }
}

/** Reads blocks first..last in order; the next few are fetched while one is looked at. Yields {height, hash, block}. */
export async function* readBlocks(rpc, first, last) {
  const fetchBlock = async (height) => {
    const hash = await rpc.call('getblockhash', height);
    const block = bitcoin.Block.fromHex(await rpc.call('getblock', hash, false));
    if (block.getId() !== hash) throw new WalletError(`the node gave another block for ${hash}`);
    return { height, hash, block };
  };
  const ahead = [];
  let next = first;
  try {
    for (let height = first; height <= last; height++) {
      while (next <= last && ahead.length < READ_AHEAD) ahead.push(fetchBlock(next++));
      yield await ahead.shift();
    }
  } finally {
    await Promise.allSettled(ahead);
  }
}

/** Outputs that pay `script` in blocks first..last: [{txid, vout, amount, height}], amounts in minor units (BigInt). */
export async function findOutputs(rpc, script, first, last) {
  const found = [];
  for await (const { height, block } of readBlocks(rpc, first, last)) {
    for (const transaction of block.transactions) {
      transaction.outs.forEach((output, vout) => {
        if (script.equals(output.script)) found.push({ txid: transaction.getId(), vout, amount: output.value, height });
      });
    }
  }
  return found;
}

/** Virtual size (BIP-141) of a transaction with `inputs` P2WPKH inputs (signatures of 72 bytes) and these output scripts. */
export function estimateVirtualSize(inputs, outputScripts) {
  const compact = (n) => (n < 0xfd ? 1 : 3);
  const outputBytes = outputScripts.reduce((sum, script) => sum + 8 + compact(script.length) + script.length, 0);
  const base = 4 + compact(inputs) + inputs * 41 + compact(outputScripts.length) + outputBytes + 4;
  const witness = 2 + inputs * (1 + 1 + 72 + 1 + 33);
  return Math.ceil((base * 4 + witness) / 4);
}

async function isInBlocks(rpc, txid, first) {
  for await (const { block } of readBlocks(rpc, first, await rpc.call('getblockcount'))) {
    if (block.transactions.some((transaction) => transaction.getId() === txid)) return true;
  }
  return false;
}

/**
 * Sends a raw transaction and waits until the node's mempool holds it, or a block that somebody mined meanwhile. bcoin answers with the id for invalid
 * transactions too, so only these two count; Bitcoin Core refuses at once with a reason. Throws WalletError on refusal.
 */
export async function broadcast(rpc, raw, txid, waitMs = BROADCAST_WAIT_MS) {
  const before = await rpc.call('getblockcount');
  try {
    await rpc.call('sendrawtransaction', raw);
  } catch (error) {
    if (error instanceof RpcError) throw new WalletError(`the node refuses transaction ${txid}: ${error.reason}`);
    throw error;
  }
  const deadline = Date.now() + waitMs;
  for (;;) {
    // In this order: a transaction moves from the mempool into a block, never back while we look.
    if ((await rpc.call('getrawmempool')).includes(txid)) return;
    if (await isInBlocks(rpc, txid, before + 1)) return;
    if (Date.now() >= deadline) {
      throw new WalletError(`the node did not take transaction ${txid} into its mempool within ${waitMs} ms; its log says why`);
    }
    await sleep(BROADCAST_POLL_MS);
  }
}

/**
 * The wallet. Its state (what blocks showed so far, and what it sent itself) is a small file that may be deleted: the blocks are read again.
 * One process at a time uses a wallet.
 */
export class ExternalWallet {
  #pair;
  #state;

  #base;

  /**
   * @param {{rpc: Rpc, params: object, keyFile: string, stateFile?: string, birthday?: number}} options; without a state file the state is in memory;
   * blocks below `birthday` are not read (a new key has no coins there).
   */
  constructor({ rpc, params, keyFile, stateFile, birthday = 0 }) {
    this.#base = birthday - 1;
    this.rpc = rpc;
    this.params = params;
    this.network = bitcoinjsNetwork(params);
    this.#pair = keyPairs.fromWIF(readFileSync(keyFile, 'utf8').trim(), this.network);
    const payment = bitcoin.payments.p2wpkh({ pubkey: this.#pair.publicKey, network: this.network });
    this.address = payment.address;
    this.script = Buffer.from(payment.output);
    this.stateFile = stateFile;
    this.#state = this.#load();
  }

  #emptyState() {
    return { schema: STATE_SCHEMA, genesis: this.params.genesis.hash, address: this.address, height: this.#base, recent: [], outputs: [], sent: [] };
  }

  #load() {
    if (this.stateFile === undefined || !existsSync(this.stateFile)) return this.#emptyState();
    const state = JSON.parse(readFileSync(this.stateFile, 'utf8'));
    const mine = state.schema === STATE_SCHEMA && state.genesis === this.params.genesis.hash && state.address === this.address;
    if (!mine) throw new WalletError(`${this.stateFile} belongs to another wallet or chain: delete it, or name another with --state`);
    for (const output of state.outputs) output.amount = BigInt(output.amount);
    return state;
  }

  #save() {
    if (this.stateFile === undefined) return;
    const text = JSON.stringify(this.#state, (_, value) => (typeof value === 'bigint' ? value.toString() : value));
    const temporary = `${this.stateFile}.new`;
    writeFileSync(temporary, `${text}\n`, { mode: 0o600 });
    chmodSync(temporary, 0o600);
    renameSync(temporary, this.stateFile);
  }

  /** Reads the blocks that are new since the last call, going back first when the chain was reorganised. Returns the height read to. */
  async sync() {
    const genesis = await this.rpc.call('getblockhash', 0);
    if (genesis !== this.params.genesis.hash) {
      throw new WalletError(`the node is of another chain: its genesis is ${genesis}, ${this.params.name}'s is ${this.params.genesis.hash}`);
    }
    const tip = await this.rpc.call('getblockcount');
    await this.#rewind(tip);
    for await (const item of readBlocks(this.rpc, this.#state.height + 1, tip)) this.#take(item);
    await this.#dropLostTransactions();
    this.#save();
    return this.#state.height;
  }

  /** Goes back to the last block that the node still has in its chain. */
  async #rewind(tip) {
    const state = this.#state;
    while (state.height > this.#base) {
      const known = state.recent[state.recent.length - 1];
      if (known === undefined) {
        this.#state = { ...this.#emptyState(), sent: state.sent.map(({ txid, inputs }) => ({ txid, inputs })) };
        return;
      }
      if (known.height <= tip && (await this.rpc.call('getblockhash', known.height)) === known.hash) break;
      state.recent.pop();
      state.height = known.height - 1;
    }
    state.outputs = state.outputs.filter((output) => output.height <= state.height);
    for (const output of state.outputs) {
      if (output.spent_height > state.height) delete output.spent_height;
    }
    for (const sent of state.sent) {
      if (sent.height > state.height) delete sent.height;
    }
  }

  #take({ height, hash, block }) {
    const state = this.#state;
    const byOutpoint = new Map(state.outputs.map((output) => [`${output.txid}:${output.vout}`, output]));
    for (const transaction of block.transactions) {
      const txid = transaction.getId();
      const coinbase = transaction.isCoinbase();
      if (!coinbase) {
        for (const input of transaction.ins) {
          const spent = byOutpoint.get(`${txidOf(input.hash)}:${input.index}`);
          if (spent !== undefined) spent.spent_height = height;
        }
      }
      transaction.outs.forEach((output, vout) => {
        if (!this.script.equals(output.script)) return;
        const found = { txid, vout, amount: output.value, height, coinbase };
        state.outputs.push(found);
        byOutpoint.set(`${txid}:${vout}`, found);
      });
      for (const sent of state.sent) {
        if (sent.txid === txid) sent.height = height;
      }
    }
    state.height = height;
    state.recent.push({ height, hash });
    if (state.recent.length > RECENT_BLOCKS) state.recent.shift();
    state.sent = state.sent.filter((sent) => sent.height === undefined || sent.height >= state.recent[0].height);
  }

  /** A transaction of ours that is neither in a block nor in the mempool no longer holds its coins. */
  async #dropLostTransactions() {
    if (this.#state.sent.every((sent) => sent.height !== undefined)) return;
    const mempool = new Set(await this.rpc.call('getrawmempool'));
    this.#state.sent = this.#state.sent.filter((sent) => sent.height !== undefined || mempool.has(sent.txid));
  }

  /** Coins of the last sync: {spendable: [...], immature: [...]}, oldest first. Outputs held by a sent transaction are in neither. */
  coins() {
    const held = new Set(this.#state.sent.flatMap((sent) => sent.inputs));
    const spendable = [];
    const immature = [];
    for (const output of this.#state.outputs) {
      if (output.spent_height !== undefined || held.has(`${output.txid}:${output.vout}`)) continue;
      // Bitcoin's rule is about the block that would spend: the next one.
      const mature = !output.coinbase || this.#state.height + 1 - output.height >= COINBASE_MATURITY;
      (mature ? spendable : immature).push(output);
    }
    return { spendable, immature };
  }

  /** {spendable, immature} in minor units (BigInt), as of the last sync. */
  balance() {
    const sum = (coins) => coins.reduce((total, coin) => total + coin.amount, 0n);
    const { spendable, immature } = this.coins();
    return { spendable: sum(spendable), immature: sum(immature) };
  }

  /**
   * Pays `amount` minor units (BigInt) to `address` at `feeRate` minor units per virtual byte, change back to the wallet.
   * Returns {txid, vout, raw, fee} once the node's mempool holds it.
   */
  async send(address, amount, feeRate) {
    if (amount < DUST) throw new WalletError(`an amount of ${amount} is dust: at least ${DUST}`);
    if (!(feeRate > 0n)) throw new WalletError('the fee rate must be at least 1 per virtual byte');
    const script = scriptOf(address, this.params);
    await this.sync();
    const plan = this.#plan(script, amount, feeRate);
    const transaction = this.#sign(plan);
    const txid = transaction.getId();
    const raw = transaction.toHex();
    await broadcast(this.rpc, raw, txid);
    this.#state.sent.push({ txid, inputs: plan.coins.map((coin) => `${coin.txid}:${coin.vout}`) });
    this.#save();
    return { txid, vout: 0, raw, fee: plan.fee };
  }

  #plan(script, amount, feeRate) {
    const { spendable, immature } = this.coins();
    const coins = [];
    let total = 0n;
    for (const coin of spendable) {
      coins.push(coin);
      total += coin.amount;
      const alone = feeRate * BigInt(estimateVirtualSize(coins.length, [script]));
      const withChange = feeRate * BigInt(estimateVirtualSize(coins.length, [script, this.script]));
      if (total - amount >= withChange + DUST) {
        return { coins, fee: withChange, outputs: [{ script, value: amount }, { script: this.script, value: total - amount - withChange }] };
      }
      if (total - amount >= alone) return { coins, fee: total - amount, outputs: [{ script, value: amount }] };
    }
    const waiting = immature.reduce((sum, coin) => sum + coin.amount, 0n);
    throw new WalletError(
      `${this.address} cannot pay ${amount} and the fee: it has ${total} in ${spendable.length} spendable coins, and ${waiting} that are not mature yet`,
    );
  }

  #sign({ coins, outputs, fee }) {
    const psbt = new bitcoin.Psbt({ network: this.network });
    psbt.setVersion(2);
    for (const coin of coins) {
      psbt.addInput({ hash: coin.txid, index: coin.vout, sequence: SEQUENCE, witnessUtxo: { script: this.script, value: coin.amount } });
    }
    for (const output of outputs) psbt.addOutput(output);
    psbt.signAllInputs(this.#pair);
    const valid = psbt.validateSignaturesOfAllInputs((publicKey, digest, signature) => ecc.verify(digest, publicKey, signature));
    if (!valid) throw new WalletError('a signature of our own does not verify');
    psbt.finalizeAllInputs();
    if (psbt.getFee() !== fee) throw new WalletError(`the fee is ${psbt.getFee()}, planned were ${fee}`);
    return psbt.extractTransaction();
  }

  /**
   * Outputs in blocks that pay `address` (default: the wallet's own), optionally of one transaction: [{txid, vout, amount, height, confirmations}].
   */
  async received({ address = this.address, txid } = {}) {
    const tip = await this.sync();
    const outputs = address === this.address
      ? this.#state.outputs
      : await findOutputs(this.rpc, scriptOf(address, this.params), 0, tip);
    return outputs
      .filter((output) => txid === undefined || output.txid === txid)
      .map(({ txid: id, vout, amount, height }) => ({ txid: id, vout, amount, height, confirmations: tip - height + 1 }));
  }
}

/** Mines `count` blocks to `address`, at most 50 a call, and returns the last hash. */
export async function mine(rpc, count, address) {
  let last;
  for (let left = count; left > 0; left -= 50) {
    const hashes = await rpc.call('generatetoaddress', Math.min(left, 50), address);
    last = hashes[hashes.length - 1];
  }
  return last;
}
