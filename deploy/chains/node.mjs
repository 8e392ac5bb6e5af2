#!/usr/bin/env node
// One Bitcoin-family full node in regtest: npm bcoin as a library, with the chain's parameters as data. See README.md.
import { closeSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { parseArgs } from 'node:util';
import { applyToBcoin, knownParamsFile, readParams } from './params.mjs';

const USAGE = `usage: node.mjs (--chain btc|ltc | --params FILE) --api-key-file FILE [--port N] [--data DIR] [--exit-on-stdin-close]

  --chain NAME            parameters of this folder's NAME.json
  --params FILE           parameters of FILE
  --api-key-file FILE     password of the RPC (any user name); must not be readable by others
  --port N                RPC port on 127.0.0.1; 0 (default) takes a free one
  --data DIR              keep the chain in DIR; without it, in memory
  --exit-on-stdin-close   stop when standard input ends
Prints one JSON line when it answers: {"ready":true,"chain":S,"host":S,"port":N,"genesis":H64,"height":N,"pid":N}. Stops on SIGTERM and SIGINT.
`;
const HOST = '127.0.0.1';
const CLOSE_DEADLINE_MS = 900;
const MAX_KEY_BYTES = 255;

class UsageError extends Error {}

function readKey(file) {
  const descriptor = openSync(file, 'r');
  try {
    const info = fstatSync(descriptor);
    if (info.isFile() && (info.mode & 0o077) !== 0) {
      throw new Error(`${file} can be read by others: chmod 600 it`);
    }
    const key = readFileSync(descriptor, 'utf8').trim();
    if (key.length < 16 || key.length > MAX_KEY_BYTES) {
      throw new Error(`${file} must hold a key of 16 to ${MAX_KEY_BYTES} characters`);
    }
    return key;
  } finally {
    closeSync(descriptor);
  }
}

function parse(argv) {
  let values;
  try {
    ({ values } = parseArgs({
      args: argv,
      options: {
        chain: { type: 'string' },
        params: { type: 'string' },
        'api-key-file': { type: 'string' },
        port: { type: 'string', default: '0' },
        data: { type: 'string' },
        'exit-on-stdin-close': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (values.help) return values;
  if ((values.chain === undefined) === (values.params === undefined)) {
    throw new UsageError('give either --chain or --params');
  }
  if (values['api-key-file'] === undefined) throw new UsageError('--api-key-file is missing');
  if (!/^\d{1,5}$/.test(values.port) || Number(values.port) > 65535) throw new UsageError('--port must be 0 to 65535');
  return values;
}

function makeNode(params, key, port, dataDirectory) {
  // bcoin 1.0.2 has optional native parts that npm --ignore-scripts does not build.
  process.env.NODE_BACKEND = 'js';
  const require = createRequire(new URL('../npm/package.json', import.meta.url));
  applyToBcoin(require('bcoin/lib/protocol/networks'), params);
  const FullNode = require('bcoin/lib/node/fullnode');
  const Logger = require('blgr');
  const logger = new Logger({ level: 'info', console: true, colors: false });
  // Standard output carries the ready line and nothing else.
  logger.writeConsole = (level, module, args) => {
    const name = Logger.levelsByVal[level];
    const text = args[0] instanceof Error ? args[0].stack : logger.fmt(args, false);
    process.stderr.write(`${new Date().toISOString()} ${name} ${module || 'node'}: ${text}\n`);
  };
  return new FullNode({
    network: 'regtest',
    memory: dataDirectory === undefined,
    prefix: dataDirectory ?? `${tmpdir()}/custody-chain-unused`,
    logger,
    'log-level': 'info',
    'log-console': true,
    workers: false,
    listen: false,
    'max-outbound': 1, // bcoin refuses 0; with no peer named it connects to none
    bip37: false,
    'http-host': HOST,
    'http-port': port,
    'api-key': key,
  });
}

async function run(values) {
  const params = readParams(values.params ?? knownParamsFile(values.chain));
  const node = makeNode(params, readKey(values['api-key-file']), Number(values.port), values.data);
  let closing = false;
  const stop = async (why) => {
    if (closing) return;
    closing = true;
    process.stderr.write(`${new Date().toISOString()} info node: stopping (${why})\n`);
    // A client that keeps its connection open must not keep the node open.
    setTimeout(() => process.exit(0), CLOSE_DEADLINE_MS).unref();
    node.http.http.closeAllConnections();
    await node.close();
    process.exit(0);
  };
  await node.ensure();
  await node.open();
  process.on('SIGTERM', () => stop('SIGTERM'));
  process.on('SIGINT', () => stop('SIGINT'));
  if (values['exit-on-stdin-close']) {
    process.stdin.on('end', () => stop('standard input closed'));
    process.stdin.on('error', () => stop('standard input failed'));
    process.stdin.resume();
  }
  const ready = {
    ready: true,
    chain: params.name,
    host: HOST,
    port: node.http.http.address().port,
    genesis: params.genesis.hash,
    height: node.chain.height,
    pid: process.pid,
  };
  process.stdout.write(`${JSON.stringify(ready)}\n`);
}

async function main() {
  let values;
  try {
    values = parse(process.argv.slice(2));
  } catch (error) {
    process.stderr.write(`node.mjs: ${error.message}\n${USAGE}`);
    process.exit(2);
  }
  if (values.help) {
    process.stdout.write(USAGE);
    return;
  }
  try {
    await run(values);
  } catch (error) {
    process.stderr.write(`node.mjs: ${error.message}\n`);
    process.exit(1);
  }
}

await main();
