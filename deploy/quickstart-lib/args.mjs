// The quickstart's arguments. Needs no npm package: it runs before anything is installed.
import { existsSync, readdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';

export class UsageError extends Error {}

export const UNTIL = ['gateway', 'swap'];

const OPTIONS = {
  members: { type: 'string', default: '4' },
  keep: { type: 'boolean', default: false },
  dir: { type: 'string' },
  json: { type: 'boolean', default: false },
  'no-install': { type: 'boolean', default: false },
  'time-scale': { type: 'string', default: '1' },
  until: { type: 'string' },
  'bitcoin-rpc': { type: 'string' },
  'bitcoin-rpc-user': { type: 'string' },
  'bitcoin-rpc-password-file': { type: 'string' },
  help: { type: 'boolean', short: 'h', default: false },
};

function requireUnused(directory) {
  if (!existsSync(directory)) return;
  if (!statSync(directory).isDirectory()) throw new UsageError(`--dir ${directory} is not a directory`);
  if (readdirSync(directory).length > 0) throw new UsageError(`--dir ${directory} must be absent or empty`);
}

function givenNode(values) {
  const url = values['bitcoin-rpc'];
  const user = values['bitcoin-rpc-user'];
  const passwordFile = values['bitcoin-rpc-password-file'];
  if (url === undefined && user === undefined && passwordFile === undefined) return undefined;
  if (url === undefined || user === undefined || passwordFile === undefined) {
    throw new UsageError('--bitcoin-rpc, --bitcoin-rpc-user and --bitcoin-rpc-password-file belong together');
  }
  if (!/^http:\/\/[^/@]+\/?$/.test(url)) throw new UsageError('--bitcoin-rpc must be http://HOST:PORT/ without user or password');
  if (!existsSync(passwordFile)) throw new UsageError(`--bitcoin-rpc-password-file ${passwordFile} does not exist`);
  return { url, user, passwordFile: path.resolve(passwordFile) };
}

/**
 * Returns {members, keep, dir, json, timeScale, until, bitcoin: {url, user, passwordFile} | undefined}; throws UsageError.
 * `defaultDir` is used when --dir is absent; directories become absolute.
 */
export function parseArguments(argv, defaultDir) {
  let values;
  try {
    ({ values } = parseArgs({ args: argv, options: OPTIONS }));
  } catch (error) {
    throw new UsageError(error.message);
  }
  if (!/^\d{1,2}$/.test(values.members) || Number(values.members) < 4 || Number(values.members) > 14) {
    throw new UsageError('--members must be 4 to 14');
  }
  const timeScale = Number(values['time-scale']);
  if (values['time-scale'].trim() === '' || !(timeScale >= 0.1 && timeScale <= 100)) throw new UsageError('--time-scale must be 0.1 to 100');
  if (values.until !== undefined && !UNTIL.includes(values.until)) throw new UsageError(`--until must be one of: ${UNTIL.join(', ')}`);
  if (values.dir === '') throw new UsageError('--dir must name a directory');
  const dir = path.resolve(values.dir ?? defaultDir);
  requireUnused(dir);
  return {
    members: Number(values.members),
    keep: values.keep,
    dir,
    json: values.json,
    timeScale,
    until: values.until,
    bitcoin: givenNode(values),
  };
}
