// Reads {"bech32", "pubKeyHash", "scriptHash", "script": hex, "address"} a line; prints bitcoinjs-lib's view of both:
// {"address": of the script, "script": of the address} or {"error"}; exit 1 if there was an error.
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const require = createRequire(new URL('../../../deploy/npm/package.json', import.meta.url));
const bitcoin = require('bitcoinjs-lib');
bitcoin.initEccLib(require('@bitcoinerlab/secp256k1'));

function check({ bech32, pubKeyHash, scriptHash, script, address }) {
  const network = { ...bitcoin.networks.regtest, bech32, pubKeyHash, scriptHash };
  return {
    address: bitcoin.address.fromOutputScript(Buffer.from(script, 'hex'), network),
    script: Buffer.from(bitcoin.address.toOutputScript(address, network)).toString('hex'),
  };
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
