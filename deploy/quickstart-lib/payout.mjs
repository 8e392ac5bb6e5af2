// Looks at a payout as the external chain holds it, with bitcoinjs-lib alone: who signed, what it pays, what it cost.
import { createRequire } from 'node:module';
import { readBlocks, scriptOf } from '../external-wallet/external_wallet.mjs';

const require = createRequire(new URL('../npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
const ecc = require('@bitcoinerlab/secp256k1');

const idOf = (hash) => Buffer.from(hash).reverse().toString('hex');

/** Transactions of blocks first..tip: Map txid -> {transaction, height}, and the tip. */
export async function readTransactions(rpc, first) {
  const tip = await rpc.call('getblockcount');
  const transactions = new Map();
  for await (const { height, block } of readBlocks(rpc, first, tip)) {
    for (const transaction of block.transactions) transactions.set(transaction.getId(), { transaction, height });
  }
  return { transactions, tip };
}

/**
 * Names of the seats whose signatures verify in every input of a P2WSH transaction, in the order of `seats` ([{member, seatKey}]); throws when an input has
 * a signature that is none of theirs, or inputs were signed by different seats. `values[i]` is input i's amount (BigInt).
 */
export function signersOf(transaction, values, seats) {
  let agreed;
  transaction.ins.forEach((input, index) => {
    const script = input.witness[input.witness.length - 1];
    const signed = new Set();
    for (const item of input.witness.slice(0, -1)) {
      if (item.length === 0) continue; // OP_CHECKMULTISIG takes one element too many
      const { signature, hashType } = bitcoin.script.signature.decode(Buffer.from(item));
      const digest = transaction.hashForWitnessV0(index, script, values[index], hashType);
      const seat = seats.find(({ seatKey }) => ecc.verify(digest, Buffer.from(seatKey, 'hex'), signature));
      if (seat === undefined) throw new Error(`input ${index} of ${transaction.getId()} has a signature of none of the seats`);
      signed.add(seat.member);
    }
    const names = seats.filter(({ member }) => signed.has(member)).map(({ member }) => member);
    if (agreed !== undefined && agreed.join() !== names.join()) {
      throw new Error(`the inputs of ${transaction.getId()} were signed by different seats: ${agreed.join(', ')} and ${names.join(', ')}`);
    }
    agreed = names;
  });
  return agreed ?? [];
}

/**
 * Reads the payout `txid` from the blocks from `first` on and checks it: it pays exactly `amount` to `address`, once; its fee is inputs less outputs.
 * Returns {raw, confirmations, anchor, fee, signedBy: [{member, seat_key}]}.
 */
export async function inspectPayout({ chain, first, txid, address, amount, seats }) {
  const { transactions, tip } = await readTransactions(chain.rpc, first);
  const found = transactions.get(txid);
  if (found === undefined) throw new Error(`${txid} is in no block of ${chain.name} from ${first} to ${tip}`);
  const { transaction, height } = found;
  const script = scriptOf(address, chain.params);
  const payments = transaction.outs.filter((output) => script.equals(output.script));
  if (payments.length !== 1 || payments[0].value !== amount) {
    throw new Error(`${txid} pays ${payments.map((output) => output.value).join(' and ') || 'nothing'} to ${address}, not ${amount}`);
  }
  const values = transaction.ins.map((input) => {
    const spent = transactions.get(idOf(input.hash));
    if (spent === undefined) throw new Error(`${txid} spends ${idOf(input.hash)}, which is in no block from ${first} on`);
    return spent.transaction.outs[input.index].value;
  });
  const sum = (amounts) => amounts.reduce((total, value) => total + value, 0n);
  const names = signersOf(transaction, values, seats);
  return {
    raw: transaction.toHex(),
    confirmations: tip - height + 1,
    anchor: `${idOf(transaction.ins[0].hash)}:${transaction.ins[0].index}`,
    fee: sum(values) - sum(transaction.outs.map((output) => output.value)),
    signedBy: seats.filter(({ member }) => names.includes(member)).map(({ member, seatKey }) => ({ member, seat_key: seatKey })),
  };
}
