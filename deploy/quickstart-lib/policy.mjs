// A member's policy bundle, version 1: what `custodyctl policy new` writes, with the rules and expectations of policies/ in place of its own.
import { appendFileSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const POLICIES = fileURLToPath(new URL('policies', import.meta.url));
const TESTS = 'tests';
/** One member has this rule besides: its @id, and its file. */
export const CAREFUL_RULE = 'withdraw-listed-only';
const CAREFUL_FILES = ['25-listed-only.cedar', path.join(TESTS, 'listed-only.toml')];
const OTHERS_FILES = [path.join(TESTS, 'any-address.toml')];
const DELAY_MINUTES = '1'; // between signatures and effect of a next version; so short for those who try it with --keep

const isRule = (name) => name.endsWith('.cedar');
const isExpectation = (name) => name.endsWith('.toml');

/** The day of `now`, and what follows from it: officers are valid from its start for a year, expectations are asked at its noon. */
export function policyTimes(now = new Date()) {
  const day = now.toISOString().slice(0, 10);
  const year = String(now.getUTCFullYear() + 1);
  return { day, since: `${day}T00:00:00Z`, noon: `${day}T12:00:00Z`, nextYear: `${year}-12-31T00:00:00Z` };
}

/** Rules and expectations of a member: {file name in the bundle's directory: text}. `times` are policyTimes(). */
export function policyFiles({ careful, times }) {
  const left = careful ? OTHERS_FILES : CAREFUL_FILES;
  const names = [...readdirSync(POLICIES).filter(isRule), ...readdirSync(path.join(POLICIES, TESTS)).filter(isExpectation).map((name) => path.join(TESTS, name))];
  const head = `time = "${times.noon}"\nin_force_since = "${times.since}"\nkyc_until = "${times.nextYear}"\n`;
  return Object.fromEntries(names.filter((name) => !left.includes(name)).map((name) => {
    const text = readFileSync(path.join(POLICIES, name), 'utf8');
    return [name, isRule(name) ? text : head + text];
  }));
}

/** An entry of allow-list.toml. */
export function allowEntry({ currency, address, owner, reason, expires }) {
  return `\n[allow.${currency}.${address}]\nowner = ${JSON.stringify(owner)}\nreason = ${JSON.stringify(reason)}\nexpires = "${expires}"\n`;
}

function removeAll(directory, condition) {
  for (const name of readdirSync(directory).filter(condition)) rmSync(path.join(directory, name));
}

/**
 * Makes the directory of a member's bundle and has custodyctl check and test it.
 * @param {{signal: AbortSignal, ctl: Ctl, member: Member, genesisFile: string, careful: boolean, listed: object[]}} options
 * `ctl` is bound to no member; `listed` are the entries of the allow-list (allowEntry, without `expires`).
 */
export async function makeBundle({ signal, ctl, member, genesisFile, careful, listed }) {
  const times = policyTimes();
  const directory = member.policyDir;
  await ctl.call(
    signal, 'policy', 'new', directory, '--genesis', genesisFile, '--member-name', member.name, '--valid-from', times.day, '--delay-minutes', DELAY_MINUTES,
    ...member.officers.flatMap((officer) => ['--officer', officer.described]),
  );
  removeAll(directory, isRule);
  removeAll(path.join(directory, TESTS), isExpectation);
  for (const [name, text] of Object.entries(policyFiles({ careful, times }))) writeFileSync(path.join(directory, name), text);
  appendFileSync(path.join(directory, 'allow-list.toml'), listed.map((entry) => allowEntry({ ...entry, expires: times.nextYear })).join(''));
  await ctl.call(signal, 'policy', 'lint', directory, '--genesis', genesisFile);
  await ctl.call(signal, 'policy', 'test', directory, '--genesis', genesisFile);
}
