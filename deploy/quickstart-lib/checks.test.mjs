import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkLedger } from './checks.mjs';

const books = (change = {}) => ({
  reserves: { currencies: { BTC: { decimals: 8, supply: '90', pending: '5', surplus: '1', recorded_reserve: '96', equation_holds: true, ...change.record } } },
  balances: { alice: { BTC: '60' }, treasury: { BTC: '30' }, ...change.balances },
  deposited: { BTC: 100n },
  redemptions: [{ currency: 'BTC', amount: 1n, fee: 0n }, { currency: 'BTC', amount: 2n, fee: 1n, ...change.redemption }, { currency: 'LTC', amount: 7n, fee: 1n }],
});

test('balanced books give the figures', () => {
  assert.deepEqual(checkLedger(books()), { BTC: { decimals: 8, supply: '90', pending: '5', surplus: '1', recorded_reserve: '96' } });
});

test('one unit too much or too little anywhere is found', () => {
  assert.throws(() => checkLedger(books({ record: { pending: '6' } })), /is not the recorded reserve/);
  assert.throws(() => checkLedger(books({ record: { equation_holds: false } })), /is not the recorded reserve/);
  assert.throws(() => checkLedger(books({ balances: { bob: { BTC: '1' } } })), /all balances together are 91, the supply is 90/);
  assert.throws(() => checkLedger(books({ redemption: { fee: 0n } })), /the recorded reserve is 96; deposits less payouts and their fees are 97/);
});
