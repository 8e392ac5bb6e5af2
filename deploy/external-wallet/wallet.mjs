#!/usr/bin/env node
// Command line of the external wallet. One JSON object on standard output; errors on standard error.
import { parseArgs } from 'node:util';
import { readParams } from '../chains/params.mjs';
import { createKeyFile, ExternalWallet, WalletError } from './external_wallet.mjs';
import { readPasswordFile, Rpc, RpcUnreachable } from './rpc.mjs';

const USAGE = `usage: wallet.mjs COMMAND --network FILE --key FILE [--rpc-url URL --rpc-user U --rpc-password-file F] [--state FILE]

  new                                             make a random key (FILE must not exist; readable by its owner only)
  address                                         print the wallet's address
  balance                                         spendable and immature, in minor units
  send --to ADDRESS --amount N --fee-rate N       pay N minor units at N minor units per virtual byte
  received [--address A] [--txid T]               what blocks paid to A (default: the wallet's address)

  --network FILE   chain parameters (deploy/chains/*.json)
  --state FILE     what was read so far (default: the key file's name + ".state.json")
Exit: 0 done, 1 refused, 2 usage, 3 node unreachable.
`;

class UsageError extends Error {}

function wholeNumber(text, option) {
  if (text === undefined) throw new UsageError(`${option} is missing`);
  if (!/^[1-9]\d{0,15}$/.test(text)) throw new UsageError(`${option} must be a whole number above 0`);
  return BigInt(text);
}

function need(values, ...names) {
  for (const name of names) {
    if (values[name] === undefined) throw new UsageError(`--${name} is missing`);
  }
}

function parse(argv) {
  const text = { type: 'string' };
  const names = ['network', 'key', 'state', 'rpc-url', 'rpc-user', 'rpc-password-file', 'to', 'amount', 'fee-rate', 'address', 'txid'];
  try {
    return parseArgs({ args: argv, allowPositionals: true, options: { ...Object.fromEntries(names.map((name) => [name, text])), help: { type: 'boolean' } } });
  } catch (error) {
    throw new UsageError(error.message);
  }
}

function connect(values) {
  need(values, 'rpc-url', 'rpc-password-file');
  return new Rpc({ url: values['rpc-url'], user: values['rpc-user'], password: readPasswordFile(values['rpc-password-file']) });
}

function open(values, rpc) {
  const stateFile = values.state ?? `${values.key}.state.json`;
  return new ExternalWallet({ rpc, params: readParams(values.network), keyFile: values.key, stateFile: rpc === undefined ? undefined : stateFile });
}

const COMMANDS = {
  async new(values) {
    createKeyFile(values.key, readParams(values.network));
    return { address: open(values).address };
  },
  async address(values) {
    return { address: open(values).address };
  },
  async balance(values) {
    const wallet = open(values, connect(values));
    const height = await wallet.sync();
    return { address: wallet.address, height, ...wallet.balance() };
  },
  async send(values) {
    need(values, 'to');
    const amount = wholeNumber(values.amount, '--amount');
    const feeRate = wholeNumber(values['fee-rate'], '--fee-rate');
    return open(values, connect(values)).send(values.to, amount, feeRate);
  },
  async received(values) {
    return { received: await open(values, connect(values)).received({ address: values.address, txid: values.txid }) };
  },
};

async function main() {
  try {
    const { values, positionals } = parse(process.argv.slice(2));
    if (values.help) {
      process.stdout.write(USAGE);
      return 0;
    }
    if (positionals.length !== 1 || !Object.hasOwn(COMMANDS, positionals[0])) {
      throw new UsageError(`give one command of: ${Object.keys(COMMANDS).join(', ')}`);
    }
    need(values, 'network', 'key');
    const result = await COMMANDS[positionals[0]](values);
    process.stdout.write(`${JSON.stringify(result, (_, value) => (typeof value === 'bigint' ? value.toString() : value))}\n`);
    return 0;
  } catch (error) {
    process.stderr.write(`wallet.mjs: ${error.message}\n`);
    if (error instanceof UsageError) {
      process.stderr.write(USAGE);
      return 2;
    }
    return error instanceof RpcUnreachable ? 3 : 1;
  }
}

process.exit(await main());
