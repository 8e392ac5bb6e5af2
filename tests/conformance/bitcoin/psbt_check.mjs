// Reads {"psbt": base64 or hex, "m": N} a line from standard input; bitcoinjs-lib verifies and finalises each.
// Prints {"txid", "raw", "signatures": [{"input", "pubkey"}]} or {"error"} a line; exit 1 if there was an error.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../../../deploy/npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
const ecc = require('@bitcoinerlab/secp256k1');

const hex = (bytes) => Buffer.from(bytes).toString('hex');
const isHex = (text) => /^([0-9a-fA-F]{2})+$/.test(text);

function check({ psbt: text, m }) {
  const psbt = isHex(text) ? bitcoin.Psbt.fromHex(text) : bitcoin.Psbt.fromBase64(text);
  const verifies = (pubkey, digest, signature) => ecc.verify(digest, pubkey, signature);
  const signatures = [];
  for (let input = 0; input < psbt.inputCount; input += 1) {
    const partial = psbt.data.inputs[input].partialSig ?? [];
    if (partial.length !== m) throw new Error(`input ${input} has ${partial.length} signatures, expected ${m}`);
    if (!psbt.validateSignaturesOfInput(input, verifies)) throw new Error(`input ${input}: a signature is wrong`);
    partial.forEach(({ pubkey }) => signatures.push({ input, pubkey: hex(pubkey) }));
  }
  const transaction = psbt.finalizeAllInputs().extractTransaction(true);
  return { txid: transaction.getId(), raw: transaction.toHex(), signatures };
}

for await (const line of createInterface({ input: process.stdin })) {
  let answer;
  try {
    answer = check(JSON.parse(line));
  } catch (error) {
    answer = { error: String(error.message ?? error) };
    process.exitCode = 1;
  }
  console.log(JSON.stringify(answer));
}
