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

/** `raw` spends the anchor with exactly m signatures of the seats that `signed_by` names, and pays exactly the burn. */
export function assertPayout(summary) {
  const { redemption } = summary;
  const transaction = bitcoin.Transaction.fromHex(redemption.raw);
  assert.equal(transaction.getId(), redemption.txid);
  const [anchorId, anchorVout] = redemption.anchor.split(':');
  const [input] = transaction.ins;
  assert.equal(Buffer.from(input.hash).reverse().toString('hex'), anchorId);
  assert.equal(input.index, Number(anchorVout));
  assert.equal(input.sequence, 0xfffffffd);
  const signatures = input.witness.slice(1, -1);
  assert.equal(signatures.length, summary.params.m);
  const value = BigInt(summary.deposits.find((deposit) => deposit.outpoint === redemption.anchor).amount);
  const signers = signatures.map((item) => {
    const { signature, hashType } = bitcoin.script.signature.decode(Buffer.from(item));
    const digest = transaction.hashForWitnessV0(0, input.witness[input.witness.length - 1], value, hashType);
    return redemption.signed_by.find(({ seat_key: key }) => ecc.verify(digest, Buffer.from(key, 'hex'), signature))?.member;
  });
  assert.deepEqual([...signers].sort(), redemption.signed_by.map(({ member }) => member).sort());
  const { data } = bitcoin.address.fromBech32(redemption.address);
  const payments = transaction.outs.filter((output) => Buffer.from(output.script).toString('hex') === `0014${Buffer.from(data).toString('hex')}`);
  assert.deepEqual(payments.map((output) => BigInt(output.value)), [BigInt(redemption.amount)], 'one payment of exactly the amount');
  const fee = value - transaction.outs.reduce((total, output) => total + BigInt(output.value), 0n);
  assert.equal(fee, BigInt(redemption.fee));
}

/** bitcoinjs-lib parses, verifies and finalises the PSBT; its transaction has exactly m signatures and is, byte for byte, the one on the chain. */
export function assertPsbt(base64, summary) {
  const psbt = bitcoin.Psbt.fromBase64(base64);
  assert.equal(psbt.inputCount, 1);
  assert.equal(psbt.data.inputs[0].partialSig.length, summary.params.m);
  assert.equal(psbt.validateSignaturesOfAllInputs((key, digest, signature) => ecc.verify(digest, key, signature)), true);
  psbt.finalizeAllInputs();
  const transaction = psbt.extractTransaction();
  assert.equal(transaction.ins[0].witness.length, summary.params.m + 2);
  assert.equal(transaction.toHex(), summary.redemption.raw);
}
