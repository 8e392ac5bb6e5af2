// What stands in a bundle's directory. That custodyctl takes it, and that the expectations hold, every run shows (step genesis).
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { APPROVERS, Officer, OFFICERS } from './officers.mjs';
import { allowEntry, CAREFUL_RULE, policyFiles, policyTimes } from './policy.mjs';

const times = policyTimes(new Date('2026-12-31T23:59:59.999Z'));

test('times follow from the day: officers are valid from its start, expectations are asked at its noon', () => {
  assert.deepEqual(times, { day: '2026-12-31', since: '2026-12-31T00:00:00Z', noon: '2026-12-31T12:00:00Z', nextYear: '2027-12-31T00:00:00Z' });
});

test('one member has one rule besides, with expectations of its own', () => {
  const [careful, other] = [true, false].map((is) => policyFiles({ careful: is, times }));
  const only = (a, b) => Object.keys(a).filter((name) => b[name] === undefined);
  assert.deepEqual(only(careful, other), ['25-listed-only.cedar', 'tests/listed-only.toml']);
  assert.deepEqual(only(other, careful), ['tests/any-address.toml']);
  assert.ok(Object.keys(other).length > 4);
  for (const name of Object.keys(other)) if (careful[name] !== undefined) assert.equal(careful[name], other[name]);
  assert.ok(careful['25-listed-only.cedar'].includes(`@id("${CAREFUL_RULE}")`));
});

test('every rule has an @id of its own and says in @doc what it is for', () => {
  const rules = Object.entries(policyFiles({ careful: true, times })).filter(([name]) => name.endsWith('.cedar')).map(([, text]) => text).join('\n');
  const count = rules.match(/^(permit|forbid) \(/gm).length;
  const ids = [...rules.matchAll(/^@id\("([^"]+)"\)\n@doc\("[^"]+\."\)\n(?:permit|forbid) \(/gm)].map(([, id]) => id);
  assert.equal(ids.length, count);
  assert.equal(new Set(ids).size, count);
});

test('expectations begin with their times', () => {
  const text = policyFiles({ careful: false, times })['tests/common.toml'];
  assert.ok(text.startsWith('time = "2026-12-31T12:00:00Z"\nin_force_since = "2026-12-31T00:00:00Z"\nkyc_until = "2027-12-31T00:00:00Z"\n#'));
});

test('an entry of the allow-list', () => {
  assert.equal(
    allowEntry({ currency: 'BTC', address: 'bcrt1qx', owner: 'gary', reason: 'a "test"', expires: times.nextYear }),
    '\n[allow.BTC.bcrt1qx]\nowner = "gary"\nreason = "a \\"test\\""\nexpires = "2027-12-31T00:00:00Z"\n',
  );
});

test('three officers, two of the treasury, over both curves', () => {
  assert.deepEqual(APPROVERS.map((name) => OFFICERS.find((officer) => officer.name === name).group), ['treasury', 'treasury']);
  assert.deepEqual([...new Set(OFFICERS.map(({ curve }) => curve))].sort(), ['p256', 'secp256k1']);
});

test('an officer: password of their own, files of the user only, nothing secret in arguments', async () => {
  const memberDir = mkdtempSync(path.join(tmpdir(), 'custody-officer-'));
  const calls = [];
  const ctl = { call: async (_, ...args) => { calls.push(args); return { public_key: '02ab' }; } };
  const officer = new Officer({ ...OFFICERS[1], memberDir, ctl });
  await officer.makeKey(undefined);
  await officer.approve(undefined, 'ff'.repeat(32));
  const password = readFileSync(officer.passwordFile, 'utf8').trim();
  assert.ok(password.length >= 24);
  assert.equal(statSync(officer.passwordFile).mode & 0o777, 0o600);
  assert.equal(path.basename(path.dirname(officer.keyFile)), 'secrets');
  assert.ok(!JSON.stringify(calls).includes(password));
  assert.equal(officer.described, 'tom:treasury:p256:02ab');
  assert.deepEqual(calls[1].slice(0, 7), ['requests', 'approve', 'ff'.repeat(32), '--officer', 'tom', '--group', 'treasury']);
  rmSync(memberDir, { recursive: true });
});
