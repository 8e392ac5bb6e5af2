// What the external chain shows of deposits and payout, judged with bitcoinjs-lib alone: nothing of ours has a say.
import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { CLONE } from './harness.mjs';

const require = createRequire(path.join(CLONE, 'deploy', 'npm', 'package.json'));
export const bitcoin = require('bitcoinjs-lib');
const ecc = require('@bitcoinerlab/secp256k1');

/** The witness scripts are m of (seats and one salt key), sorted (BIP-67). */
export function assertDepositScripts(summary) {
  for (const deposit of summary.deposits) {
    const script = Buffer.from(deposit.witness_script, 'hex');
    const parts = bitcoin.script.decompile(script);
    const keys = parts.slice(1, -2).map((key) => Buffer.from(key).toString('hex'));
    assert.equal(parts[0] - bitcoin.opcodes.OP_RESERVED, summary.params.m);
    assert.equal(keys.length, summary.params.n + 1);
    assert.deepEqual(keys, [...keys].sort());
    for (const member of summary.members) assert.ok(keys.includes(member.seat_keys[deposit.currency]), member.name);
    const hash = Buffer.from(bitcoin.crypto.sha256(script));
    const { data } = bitcoin.address.fromBech32(deposit.address);
    assert.equal(Buffer.from(data).toString('hex'), hash.toString('hex'), 'the address is that of the script');
  }
}

/** Minor units of the coin at an outpoint: of a deposit, or the change of the first payout. */
function coinValue(summary, outpoint) {
  const deposit = summary.deposits.find((item) => item.outpoint === outpoint);
  if (deposit !== undefined) return BigInt(deposit.amount);
  const [txid, vout] = outpoint.split(':');
  const first = bitcoin.Transaction.fromHex(summary.first_redemption.raw);
  assert.equal(first.getId(), txid);
  return BigInt(first.outs[Number(vout)].value);
}

const outpointOf = (input) => `${Buffer.from(input.hash).reverse().toString('hex')}:${input.index}`;

/** Names of those of `signed_by` whose signatures an input carries, sorted; undefined stands for a signature of nobody among them. */
function signersOf(transaction, index, value, signedBy) {
  const { witness } = transaction.ins[index];
  const script = witness[witness.length - 1];
  return witness.slice(1, -1).map((item) => {
    const { signature, hashType } = bitcoin.script.signature.decode(Buffer.from(item));
    const digest = transaction.hashForWitnessV0(index, script, value, hashType);
    return signedBy.find(({ seat_key: key }) => ecc.verify(digest, Buffer.from(key, 'hex'), signature))?.member;
  }).sort();
}

/** `raw` spends the anchor, every input with exactly m signatures of the seats that `signed_by` names, and pays exactly the burn: of both redemptions. */
export function assertPayouts(summary) {
  for (const redemption of [summary.first_redemption, summary.redemption]) assertPayout(summary, redemption);
}

function assertPayout(summary, redemption) {
  const transaction = bitcoin.Transaction.fromHex(redemption.raw);
  assert.equal(transaction.getId(), redemption.txid);
  assert.equal(outpointOf(transaction.ins[0]), redemption.anchor);
  const signers = redemption.signed_by.map(({ member }) => member).sort();
  assert.equal(signers.length, summary.params.m);
  const values = transaction.ins.map((input) => coinValue(summary, outpointOf(input)));
  values.forEach((value, index) => {
    assert.equal(transaction.ins[index].sequence, 0xfffffffd);
    assert.deepEqual(signersOf(transaction, index, value, redemption.signed_by), signers);
  });
  const { data } = bitcoin.address.fromBech32(redemption.address);
  const payments = transaction.outs.filter((output) => Buffer.from(output.script).toString('hex') === `0014${Buffer.from(data).toString('hex')}`);
  assert.deepEqual(payments.map((output) => BigInt(output.value)), [BigInt(redemption.amount)], 'one payment of exactly the amount');
  const sum = (amounts) => amounts.reduce((total, amount) => total + BigInt(amount), 0n);
  assert.equal(sum(values) - sum(transaction.outs.map((output) => output.value)), BigInt(redemption.fee));
}

/** bitcoinjs-lib parses, verifies and finalises the PSBT; its transaction has exactly m signatures and is, byte for byte, the one on the chain. */
export function assertPsbt(base64, summary) {
  const psbt = bitcoin.Psbt.fromBase64(base64);
  const { ins } = bitcoin.Transaction.fromHex(summary.redemption.raw);
  assert.equal(psbt.inputCount, ins.length);
  for (const input of psbt.data.inputs) assert.equal(input.partialSig.length, summary.params.m);
  assert.equal(psbt.validateSignaturesOfAllInputs((key, digest, signature) => ecc.verify(digest, key, signature)), true);
  psbt.finalizeAllInputs();
  const transaction = psbt.extractTransaction();
  for (const input of transaction.ins) assert.equal(input.witness.length, summary.params.m + 2);
  assert.equal(transaction.toHex(), summary.redemption.raw);
}
