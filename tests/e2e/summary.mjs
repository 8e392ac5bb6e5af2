// The summary's schema `custody.quickstart/1` as the issue states it: exact keys, types, and what must be equal to what.
import assert from 'node:assert/strict';

const text = (pattern) => (value, where) => {
  assert.equal(typeof value, 'string', where);
  assert.match(value, pattern, where);
};
const H64 = text(/^[0-9a-f]{64}$/);
const A = text(/^(0|[1-9][0-9]*)$/);
const HEX = text(/^([0-9a-f]{2})+$/);
const S = text(/./);
const OUTPOINT = text(/^[0-9a-f]{64}:(0|[1-9][0-9]*)$/);
const N = (value, where) => assert.ok(Number.isSafeInteger(value) && value >= 0, `${where}: ${value}`);
const F = (value, where) => assert.ok(Number.isFinite(value) && value >= 0, `${where}: ${value}`);
const is = (expected) => (value, where) => assert.equal(value, expected, where);
const list = (check) => (value, where) => {
  assert.ok(Array.isArray(value), where);
  value.forEach((item, index) => check(item, `${where}[${index}]`));
};
const object = (fields) => (value, where) => {
  assert.deepEqual(Object.keys(value).sort(), Object.keys(fields).sort(), where);
  for (const [name, check] of Object.entries(fields)) check(value[name], `${where}.${name}`);
};
const redemption = (amount) => object({
  currency: is('BTC'), burn: H64, amount: is(amount), fee_cap: A, fee: A, anchor: OUTPOINT, txid: H64, raw: HEX, confirmations: N, address: S,
  signed_by: list(object({ member: S, seat_key: HEX })), settlement: H64,
});
const byCurrency = (check) => object({ BTC: check, LTC: check });

const SCHEMA = object({
  schema: is('custody.quickstart/1'),
  ok: is(true),
  chain_id: H64,
  common_height: N,
  params: object({ members: N, total_weight: N, quorum_weight: N, m: N, n: N, deposit_depth: is(3), settlement_depth: is(3) }),
  members: list(object({ name: S, weight: N, height: N, block_hash: H64, state_root: H64, seat_keys: byCurrency(HEX) })),
  restart: object({ member: S, killed_height: N, up_height: N, first_signed_height: N }),
  currencies: byCurrency(object({ decimals: is(8), supply: A, pending: A, surplus: A, recorded_reserve: A })),
  deposits: list(object({ currency: S, outpoint: OUTPOINT, amount: A, address: S, witness_script: HEX, mint: H64, approved_by: list(S) })),
  payments: list(H64),
  swap: H64,
  bob_withdrawal: object({ identifier: text(/^[0-9a-f]{32}$/), payment: H64, external_txid: H64, vout: N, address: S, amount: is('150000000') }),
  policy: object({
    members: list(object({ member: S, bundle: H64, version: is(1), officers: is(3) })),
    denied: object({ member: S, burn: H64, rule: is('policy.forbid'), policies: list(S) }),
    approved: object({ burn: H64, requests: list(object({ member: S, request: H64 })), officers: list(S) }),
  }),
  first_redemption: redemption('20000000'),
  redemption: redemption('300000000'),
  balances: object(Object.fromEntries(['gateway', 'alice', 'bob', 'treasury', 'fee_pool', 'members'].map((name) => [name, byCurrency(A)]))),
  steps: list(object({ name: S, seconds: F })),
  seconds: F,
});

const STEPS = [
  'chains', 'ceremony', 'genesis', 'members', 'gateway', 'deposits', 'payments', 'swap', 'withdrawal', 'first-redemption', 'redemption', 'restart', 'checks',
];

function checkMembers(summary, count) {
  const { members, params } = summary;
  const weights = members.map((member) => member.weight);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  assert.equal(members.length, count);
  if (count === 4) assert.deepEqual(weights, [28, 26, 24, 22]);
  assert.equal(new Set(weights).size, count, 'weights are distinct');
  for (const weight of weights) assert.ok(weight * 3 < total, 'every weight is below one third');
  // L: as many of the lightest members as stay below one third together; m = n - L.
  let lightest = 0;
  let most = 0;
  for (const weight of [...weights].sort((a, b) => a - b)) {
    lightest += weight;
    if (lightest * 3 < total) most += 1;
  }
  assert.equal(params.members, count);
  assert.equal(params.n, count);
  assert.equal(params.m, count - most);
  assert.equal(params.total_weight, total);
  assert.equal(params.quorum_weight, Math.floor((total * 2) / 3) + 1);
  const keys = members.flatMap((member) => Object.values(member.seat_keys));
  assert.equal(new Set(keys).size, 2 * count, 'every seat has a key of its own');
  for (const member of members) {
    assert.ok(member.height >= summary.common_height, member.name);
    assert.equal(member.block_hash, members[0].block_hash);
    assert.equal(member.state_root, members[0].state_root);
  }
}

function checkMoney(summary) {
  const { currencies, balances } = summary;
  const redemptions = [summary.first_redemption, summary.redemption];
  for (const [code, figures] of Object.entries(currencies)) {
    const [supply, pending, surplus, reserve] = ['supply', 'pending', 'surplus', 'recorded_reserve'].map((name) => BigInt(figures[name]));
    assert.equal(supply + pending + surplus, reserve, code);
    assert.equal(Object.values(balances).reduce((sum, holder) => sum + BigInt(holder[code]), 0n), supply, `balances of ${code}`);
  }
  const paidOut = redemptions.reduce((sum, { amount, fee }) => sum + BigInt(amount) + BigInt(fee), 0n);
  assert.equal(BigInt(currencies.BTC.recorded_reserve), 1_200_000_000n - paidOut);
  assert.equal(currencies.LTC.recorded_reserve, '10100000000');
  for (const { fee, fee_cap: cap } of redemptions) assert.ok(BigInt(fee) <= BigInt(cap));
  // 10 and 4 BTC, 100 and 50 LTC are what the payees got; ledger fees came on top.
  assert.ok(BigInt(balances.alice.BTC) < 600_000_000n && BigInt(balances.alice.BTC) > 599_000_000n);
  assert.equal(balances.alice.LTC, '5000000000');
  assert.equal(balances.bob.LTC, '5000000000');
  assert.ok(BigInt(balances.bob.BTC) < 250_000_000n && BigInt(balances.bob.BTC) > 249_000_000n);
}

function checkStory(summary) {
  const names = new Map(summary.members.map((member) => [member.name, member]));
  const { restart, first_redemption: first, redemption: main, deposits, params, policy } = summary;
  assert.deepEqual(deposits.map(({ currency, amount }) => [currency, amount]), [['BTC', '1200000000'], ['LTC', '10100000000']]);
  for (const { approved_by: approvers } of deposits) {
    assert.equal(new Set(approvers).size, approvers.length);
    const weight = approvers.reduce((sum, name) => sum + names.get(name).weight, 0);
    assert.ok(weight >= params.quorum_weight, `approved by weight ${weight}`);
  }
  assert.equal(summary.payments.length, 2);
  for (const { signed_by: signers, confirmations } of [first, main]) {
    assert.equal(new Set(signers.map(({ member }) => member)).size, params.m, 'exactly m signatures');
    assert.equal(signers.length, params.m);
    for (const { member, seat_key: key } of signers) assert.equal(names.get(member).seat_keys.BTC, key, member);
    assert.ok(confirmations >= params.settlement_depth);
  }
  const signed = (redemption, name) => redemption.signed_by.some(({ member }) => member === name);
  assert.equal(policy.denied.burn, first.burn);
  assert.ok(names.has(policy.denied.member) && !signed(first, policy.denied.member), 'its policy denied it');
  assert.ok(names.has(restart.member));
  assert.ok(!signed(main, restart.member), 'it was down');
  assert.ok(restart.killed_height < restart.up_height && restart.up_height < restart.first_signed_height);
  assert.ok(restart.first_signed_height <= summary.common_height);
  assert.equal(first.anchor, deposits[0].outpoint, 'the only coin');
  assert.match(main.anchor, new RegExp(`^${first.txid}:`), 'the change of the first');
  const ids = [
    summary.swap, ...summary.payments, summary.bob_withdrawal.payment, first.burn, first.settlement, main.burn, main.settlement, ...deposits.map(({ mint }) => mint),
  ];
  assert.equal(new Set(ids).size, ids.length, 'all are different transactions');
}

function checkPolicy(summary) {
  const { members, denied, approved } = summary.policy;
  assert.deepEqual(members.map(({ member }) => member), summary.members.map(({ name }) => name));
  assert.equal(new Set(members.map(({ bundle }) => bundle)).size, members.length, 'a bundle is for one member');
  assert.deepEqual(denied.policies, ['withdraw-listed-only']);
  assert.equal(approved.burn, summary.redemption.burn);
  assert.deepEqual(approved.requests.map(({ member }) => member), members.map(({ member }) => member).filter((name) => name !== summary.restart.member));
  assert.equal(new Set(approved.requests.map(({ request }) => request)).size, approved.requests.length, 'a request is of one signer');
  assert.equal(new Set(approved.officers).size, 2);
}

/** Throws when a summary of a whole, good run of `count` members is not as the issue wants it. */
export function assertSummary(summary, count) {
  SCHEMA(summary, 'summary');
  assert.deepEqual(summary.steps.map((step) => step.name), STEPS);
  assert.ok(summary.seconds >= Math.max(...summary.steps.map((step) => step.seconds)));
  checkMembers(summary, count);
  checkMoney(summary);
  checkStory(summary);
  checkPolicy(summary);
}

/** Throws when a summary of a run that failed in `step` does not say so. */
export function assertFailedSummary(summary, step) {
  assert.equal(summary.schema, 'custody.quickstart/1');
  assert.equal(summary.ok, false);
  assert.equal(summary.failed_step, step);
  S(summary.error, 'error');
  list(object({ name: S, seconds: F }))(summary.steps, 'steps');
  F(summary.seconds, 'seconds');
}
