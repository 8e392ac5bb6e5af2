// What stands in the test network's genesis: external chains with their anchors, and network parameters.

export const DEPOSIT_DEPTH = 3;
export const SETTLEMENT_DEPTH = 3;

export const CURRENCIES = {
  BTC: { chainName: 'bitcoin-regtest', params: 'btc', decimals: 8 },
  LTC: { chainName: 'litecoin-regtest', params: 'ltc', decimals: 8 },
};

const currencyParameters = {
  min_fee_per_byte: 1,
  deposit_depth: DEPOSIT_DEPTH,
  settlement_depth: SETTLEMENT_DEPTH,
  min_deposit: 100000,
  min_burn: 100000,
  default_fee_rate: 2000,
  min_fee_rate: 1000,
  max_fee_rate: 100000,
  batch_time_ms: 1000,
  batch_count: 8,
  batch_value: 1000000000000,
  max_inputs: 20,
  max_payees: 16,
  payout_cooldown: 1,
  bucket_capacity: 100000000000,
  bucket_refill_per_hour: 100000000000,
};

const networkParameters = {
  max_transaction_bytes: 65536,
  max_block_bytes: 1048576,
  max_valid_blocks: 3600,
  empty_block_ms: 1000,
  time_precision_ms: 5000,
  round_timeout_ms: 1000,
  round_timeout_step_ms: 500,
  epoch_blocks: 10,
  notice_epochs: 1,
  treasury_permille: 100,
};

/** The present tip of a chain as an anchor: {height, hash, bits}. */
export async function anchorOf(rpc) {
  const height = await rpc.call('getblockcount');
  const hash = await rpc.call('getblockhash', height);
  const header = Buffer.from(await rpc.call('getblockheader', hash, false), 'hex');
  return { height, hash, bits: header.readUInt32LE(72).toString(16).padStart(8, '0') };
}

function chainOf(currency, params, anchor) {
  return {
    name: CURRENCIES[currency].chainName,
    currency,
    genesis_hash: params.genesis.hash,
    anchor,
    magic: Buffer.from(params.magic, 'hex').readUInt32LE(0).toString(16).padStart(8, '0'),
    hrp: params.bech32,
    p2pkh: params.pubkeyhash,
    p2sh: params.scripthash,
    pow_limit_bits: params.genesis.bits,
    no_retarget: true,
  };
}

/** The input of `custodyctl genesis --chains`. `chains`: {BTC: {params, anchor}, LTC: {...}}. */
export function genesisChains(chains) {
  const currencies = Object.keys(CURRENCIES);
  return {
    chains: currencies.map((currency) => chainOf(currency, chains[currency].params, chains[currency].anchor)),
    parameters: {
      ...networkParameters,
      currencies: Object.fromEntries(currencies.map((currency) => [currency, { ...currencyParameters }])),
    },
  };
}
