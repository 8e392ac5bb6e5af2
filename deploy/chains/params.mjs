// Parameters of a Bitcoin-family regtest chain, as data: read, checked, and turned into what bcoin and bitcoinjs-lib want.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const MAX_PARAMS_BYTES = 64 * 1024;

const HEX_FIELDS = [
  ['magic', 4],
  ['xpub', 4],
  ['xprv', 4],
];
const BYTE_FIELDS = ['pubkeyhash', 'scripthash', 'wif'];

function sha256d(bytes) {
  return createHash('sha256').update(createHash('sha256').update(bytes).digest()).digest();
}

/** Hash as RPC prints it (the other way round than on the wire). */
function display(hash) {
  return Buffer.from(hash).reverse().toString('hex');
}

function expect(condition, what) {
  if (!condition) throw new Error(`chain parameters: ${what}`);
}

function isHex(value, bytes) {
  return typeof value === 'string' && value.length === 2 * bytes && /^[0-9a-f]*$/.test(value);
}

/**
 * The genesis block as bytes: header (80), transaction count (1), the coinbase transaction. Its hash must be the one named, and meet its own target.
 */
export function genesisBlock(genesis) {
  const coinbase = Buffer.from(genesis.coinbase, 'hex');
  const merkleRoot = sha256d(coinbase);
  const header = Buffer.alloc(80);
  header.writeUInt32LE(genesis.version, 0);
  merkleRoot.copy(header, 36);
  header.writeUInt32LE(genesis.time, 68);
  header.writeUInt32LE(parseInt(genesis.bits, 16), 72);
  header.writeUInt32LE(genesis.nonce, 76);
  const hash = sha256d(header);
  expect(display(hash) === genesis.hash, `genesis.hash is ${genesis.hash}, but the block given hashes to ${display(hash)}`);
  const bits = parseInt(genesis.bits, 16);
  const target = BigInt(bits & 0x7fffff) << BigInt(8 * ((bits >>> 24) - 3));
  expect(BigInt(`0x${genesis.hash}`) <= target, `genesis.hash ${genesis.hash} is above the target of bits ${genesis.bits}`);
  return { header, merkleRoot, hash, block: Buffer.concat([header, Buffer.from([1]), coinbase]) };
}

/** Checks a parameter object; throws an Error that names the field. Returns it unchanged. */
export function checkParams(params) {
  expect(params !== null && typeof params === 'object' && !Array.isArray(params), 'not a JSON object');
  expect(typeof params.name === 'string' && /^[a-z0-9]{1,16}$/.test(params.name), '"name" must be 1 to 16 of a-z, 0-9');
  expect(params.chain === 'regtest', '"chain" must be "regtest"');
  expect(typeof params.bech32 === 'string' && /^[a-z0-9]{1,16}$/.test(params.bech32), '"bech32" must be 1 to 16 of a-z, 0-9');
  for (const [field, bytes] of HEX_FIELDS) {
    expect(isHex(params[field], bytes), `"${field}" must be ${bytes} bytes of lower-case hex`);
  }
  for (const field of BYTE_FIELDS) {
    expect(Number.isInteger(params[field]) && params[field] >= 0 && params[field] <= 255, `"${field}" must be 0 to 255`);
  }
  const genesis = params.genesis;
  expect(genesis !== null && typeof genesis === 'object', '"genesis" is missing');
  expect(isHex(genesis.hash, 32), '"genesis.hash" must be 32 bytes of hex');
  expect(isHex(genesis.bits, 4), '"genesis.bits" must be 4 bytes of hex');
  for (const field of ['version', 'time', 'nonce']) {
    expect(Number.isInteger(genesis[field]) && genesis[field] >= 0 && genesis[field] <= 0xffffffff, `"genesis.${field}" must be 0 to 4294967295`);
  }
  expect(typeof genesis.coinbase === 'string' && /^([0-9a-f]{2}){60,}$/.test(genesis.coinbase), '"genesis.coinbase" must be a transaction in hex');
  genesisBlock(genesis);
  return params;
}

/** Reads and checks a parameter file. */
export function readParams(file) {
  const text = readFileSync(file);
  expect(text.length <= MAX_PARAMS_BYTES, `${file} is larger than ${MAX_PARAMS_BYTES} bytes`);
  try {
    return checkParams(JSON.parse(text.toString('utf8')));
  } catch (error) {
    throw new Error(`${file}: ${error.message}`);
  }
}

/** Path of the parameter file of a chain that this folder knows ("btc", "ltc"). */
export function knownParamsFile(name) {
  expect(/^[a-z0-9]+$/.test(name), `unknown chain ${name}`);
  return fileURLToPath(new URL(`./${name}.json`, import.meta.url));
}

/** What bitcoinjs-lib calls a network. */
export function bitcoinjsNetwork(params) {
  return {
    messagePrefix: '\x18Bitcoin Signed Message:\n',
    bech32: params.bech32,
    bip32: { public: parseInt(params.xpub, 16), private: parseInt(params.xprv, 16) },
    pubKeyHash: params.pubkeyhash,
    scriptHash: params.scripthash,
    wif: params.wif,
  };
}

/** Overwrites bcoin's regtest entry. Must happen before any other module of bcoin is loaded: they copy what they need. */
export function applyToBcoin(networks, params) {
  const { hash, merkleRoot, block } = genesisBlock(params.genesis);
  const regtest = networks.regtest;
  regtest.magic = Buffer.from(params.magic, 'hex').readUInt32LE(0);
  regtest.genesis = {
    version: params.genesis.version,
    hash: hash.toString('hex'),
    prevBlock: '00'.repeat(32),
    merkleRoot: merkleRoot.toString('hex'),
    time: params.genesis.time,
    bits: parseInt(params.genesis.bits, 16),
    nonce: params.genesis.nonce,
    height: 0,
  };
  regtest.genesisBlock = block.toString('hex');
  Object.assign(regtest.addressPrefix, { pubkeyhash: params.pubkeyhash, scripthash: params.scripthash, bech32: params.bech32 });
  Object.assign(regtest.keyPrefix, { privkey: params.wif, xpubkey: parseInt(params.xpub, 16), xprivkey: parseInt(params.xprv, 16) });
}
