import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readParams, knownParamsFile } from '../chains/params.mjs';
import { kycExpiry, nodeToml, peersToml, weightsFor } from './members.mjs';
import { genesisChains } from './network.mjs';
import { minorUnits, toJson, units } from './summary.mjs';

test('weights are distinct, near-equal and below one third', () => {
  assert.deepEqual(weightsFor(4), [28, 26, 24, 22]);
  for (let count = 4; count <= 14; count++) {
    const weights = weightsFor(count);
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    assert.equal(weights.length, count);
    assert.equal(new Set(weights).size, count);
    assert.ok(weights.every((weight) => weight > 0 && 3 * weight < total));
  }
});

test('peers.toml names the endpoint that each other member keeps for us', () => {
  const endpoints = [
    { member: 'member-1', peers: { 'member-2': 'tcp://127.0.0.1:12' } },
    { member: 'member-2', peers: { 'member-1': 'tcp://127.0.0.1:21' } },
  ];
  assert.equal(peersToml('member-1', endpoints), '[peers.member-2]\nendpoint = "tcp://127.0.0.1:21"\n');
  assert.throws(() => peersToml('member-3', endpoints), /names no endpoint for member-3/);
});

test('node.toml', () => {
  assert.equal(
    nodeToml([{ chainName: 'bitcoin-regtest', url: 'http://127.0.0.1:1/', user: 'x', passwordFile: '/a "b"/c' }]),
    'listen = "tcp://127.0.0.1"\nports = "auto"\n\n[chains.bitcoin-regtest]\nurl = "http://127.0.0.1:1/"\nuser = "x"\npassword_file = "/a \\"b\\"/c"\npoll_ms = 250\n',
  );
});

test('the chains of genesis carry anchor and parameters', () => {
  const anchor = { height: 450, hash: 'ab'.repeat(32), bits: '207fffff' };
  const made = genesisChains(Object.fromEntries(['BTC', 'LTC'].map((currency) => [
    currency, { params: readParams(knownParamsFile(currency.toLowerCase())), anchor },
  ])));
  assert.deepEqual(made.chains.map((chain) => [chain.name, chain.hrp, chain.p2sh, chain.magic]), [
    ['bitcoin-regtest', 'bcrt', 196, 'dab5bffa'], ['litecoin-regtest', 'rltc', 58, 'f1c8d2fd'],
  ]);
  assert.notEqual(made.chains[0].genesis_hash, made.chains[1].genesis_hash);
  assert.deepEqual(made.chains[0].anchor, anchor);
  assert.deepEqual(Object.keys(made.parameters.currencies), ['BTC', 'LTC']);
});

test('amounts', () => {
  assert.equal(minorUnits('1.5'), 150_000_000n);
  assert.equal(minorUnits('0.001'), 100_000n);
  for (const text of ['', '1.', '.5', '-1', '1.123456789', '1e3']) assert.throws(() => minorUnits(text));
  assert.equal(units(150_000_000n), '1.5');
  assert.equal(units('100000'), '0.001');
  assert.equal(units(0), '0');
  assert.equal(units(1_200_000_000n), '12');
  assert.equal(toJson({ amount: 5n }), '{\n  "amount": "5"\n}');
});

test('an identity document is valid for some years', () => {
  assert.equal(kycExpiry(new Date('2026-03-01T00:00:00Z')), '2028-03-01');
});
