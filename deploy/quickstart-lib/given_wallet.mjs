// Wallets for a given node. They outlive the run, since people may have been asked to fund them; runs at the same time take different ones.
import { createHash } from 'node:crypto';
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import path from 'node:path';
import { createKeyFile } from '../external-wallet/external_wallet.mjs';

const MAX_WALLETS = 16;

/** Makes FILE with this process's number in it; false when a living process has it. */
function takeLock(file) {
  try {
    const owner = readFileSync(file, 'utf8').trim();
    if (existsSync(`/proc/${owner}`)) return false;
    rmSync(file, { force: true });
  } catch (error) {
    if (error.code !== 'ENOENT') throw error;
  }
  try {
    const descriptor = openSync(file, 'wx', 0o600);
    writeSync(descriptor, `${process.pid}\n`);
    closeSync(descriptor);
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
  return true;
}

/** The first wallet in `folder` for the node at `url` that no other run uses, made when it is new: {keyFile, lock}. Delete `lock` at the end. */
export function takeGivenWallet(folder, url, params) {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const node = createHash('sha256').update(url).digest('hex').slice(0, 16);
  for (let index = 1; index <= MAX_WALLETS; index++) {
    const keyFile = path.join(folder, `given-${node}-${index}.key`);
    const lock = `${keyFile}.lock`;
    if (!takeLock(lock)) continue;
    if (!existsSync(keyFile)) createKeyFile(keyFile, params);
    return { keyFile, lock };
  }
  throw new Error(`${MAX_WALLETS} runs use ${url} already; if none does, delete the .lock files in ${folder}`);
}
