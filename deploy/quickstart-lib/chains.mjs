// The external chains of a run: nodes of our own (deploy/chains/node.mjs), or for BTC a given one.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { readPasswordFile, Rpc } from '../external-wallet/rpc.mjs';
import { knownParamsFile, readParams } from '../chains/params.mjs';

const NODE_SCRIPT = fileURLToPath(new URL('../chains/node.mjs', import.meta.url));
const READY_MS = 30_000;

/**
 * Starts a node of `name` ("btc", "ltc") with its log in DIR/NAME.log and its RPC password in DIR/NAME.key (0600).
 * Returns {name, params, paramsFile, url, user, passwordFile, rpc, daemon}.
 */
export async function startNode(processes, name, directory, { timeoutMs = READY_MS } = {}) {
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const passwordFile = path.join(directory, `${name}.key`);
  writeFileSync(passwordFile, randomBytes(24).toString('hex'), { mode: 0o600 });
  const daemon = processes.start({
    name: `chain node ${name}`,
    command: process.execPath,
    args: [NODE_SCRIPT, '--chain', name, '--api-key-file', passwordFile, '--exit-on-stdin-close'],
    log: path.join(directory, `${name}.log`),
    stdin: 'pipe',
    stdout: 'pipe',
  });
  const ready = JSON.parse(await daemon.firstLine(timeoutMs));
  return attach({ name, url: `http://${ready.host}:${ready.port}/`, user: 'x', passwordFile, daemon });
}

/** A node that runs already. */
export function attach({ name, url, user, passwordFile, daemon }) {
  const paramsFile = knownParamsFile(name);
  const params = readParams(paramsFile);
  const rpc = new Rpc({ url, user, password: readPasswordFile(passwordFile) });
  return { name, params, paramsFile, url: rpc.url, user, passwordFile, rpc, daemon };
}
