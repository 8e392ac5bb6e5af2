// summary.json: one object, written by rename, so that a reader sees all of it or nothing.
import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs';
import path from 'node:path';

const DECIMALS = 8;

/** JSON text; BigInt becomes a string (minor units). */
export function toJson(value) {
  return JSON.stringify(value, (_, item) => (typeof item === 'bigint' ? item.toString() : item), 2);
}

export function writeAtomically(file, text, mode = 0o600) {
  const temporary = `${file}.new`;
  const descriptor = openSync(temporary, 'w', mode);
  try {
    writeSync(descriptor, text);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  renameSync(temporary, file);
}

const FIELDS = [
  'schema', 'ok', 'failed_step', 'error', 'chain_id', 'common_height', 'params', 'members', 'restart', 'policy', 'currencies', 'deposits', 'payments',
  'swap', 'bob_withdrawal', 'first_redemption', 'redemption', 'balances', 'steps', 'seconds',
];

/** Writes DIR/summary.json with what is known of `summary`, in the order of the schema; returns the file's path. */
export function writeSummary(directory, summary) {
  const file = path.join(directory, 'summary.json');
  const known = FIELDS.filter((field) => summary[field] !== undefined);
  writeAtomically(file, `${toJson(Object.fromEntries(known.map((field) => [field, summary[field]])))}\n`);
  return file;
}

/** Minor units of a text in units ("1.5" -> 150000000n), at most 8 decimals. */
export function minorUnits(text) {
  const match = /^(\d+)(?:\.(\d{1,8}))?$/.exec(text);
  if (match === null) throw new Error(`${text} is no amount`);
  return BigInt(match[1]) * 10n ** BigInt(DECIMALS) + BigInt((match[2] ?? '').padEnd(DECIMALS, '0'));
}

/** Minor units as text in units, without needless zeros. */
export function units(minor) {
  const value = BigInt(minor);
  const digits = value.toString().padStart(DECIMALS + 1, '0');
  const fraction = digits.slice(-DECIMALS).replace(/0+$/, '');
  return digits.slice(0, -DECIMALS) + (fraction === '' ? '' : `.${fraction}`);
}
