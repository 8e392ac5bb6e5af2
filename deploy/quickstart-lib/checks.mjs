// The books at the end: design section 6's equation and the sum of all balances, to the unit.
import { CURRENCIES } from './network.mjs';

/** Balances of every account that can hold anything, and the reserves: read by custodyctl from the node of `member`. */
async function readLedger(step, member, people, memberNames) {
  const names = { ...people, treasury: 'treasury', fee_pool: 'fee_pool' };
  const read = async (account) => {
    const { balances } = await member.ctl.call(step.signal, 'account', account);
    return Object.fromEntries(Object.keys(CURRENCIES).map((currency) => [currency, balances[currency] ?? '0']));
  };
  const [reserves, ...accounts] = await Promise.all([
    member.ctl.call(step.signal, 'reserves'), ...Object.values(names).map(read), ...memberNames.map(read),
  ]);
  const balances = Object.fromEntries(Object.keys(names).map((name, index) => [name, accounts[index]]));
  const ofMembers = accounts.slice(Object.keys(names).length);
  balances.members = Object.fromEntries(Object.keys(CURRENCIES).map((currency) => [
    currency, ofMembers.reduce((sum, account) => sum + BigInt(account[currency]), 0n).toString(),
  ]));
  return { reserves, balances };
}

/** Reserves and all balances of one moment: read until two readings in a row agree. `people`: {name: ledger address}. */
export async function quietLedger(step, member, people, memberNames) {
  let before;
  return step.waitFor({
    what: 'two equal readings of all balances',
    from: member.name,
    log: member.nodedLog,
    probe: async (state) => {
      const reading = await readLedger(step, member, people, memberNames);
      const text = JSON.stringify([reading.reserves.currencies, reading.balances]);
      const quiet = text === before;
      before = text;
      state(`at height ${reading.reserves.height} they ${quiet ? 'agree' : 'differ from the reading before'}`);
      return quiet ? reading : undefined;
    },
  });
}

function checkCurrency(currency, record, held, expected) {
  const [supply, pending, surplus, reserve] = ['supply', 'pending', 'surplus', 'recorded_reserve'].map((field) => BigInt(record[field]));
  if (supply + pending + surplus !== reserve || record.equation_holds !== true) {
    throw new Error(`${currency}: supply ${supply} + pending ${pending} + surplus ${surplus} is not the recorded reserve ${reserve}`);
  }
  if (held !== supply) throw new Error(`${currency}: all balances together are ${held}, the supply is ${supply}`);
  if (reserve !== expected) throw new Error(`${currency}: the recorded reserve is ${reserve}; deposits less payouts and their fees are ${expected}`);
}

/**
 * Throws when the books do not balance. `deposited`: {currency: minor units}; `redemptions`: [{currency, amount, fee}].
 * Returns each currency's figures as the summary shows them.
 */
export function checkLedger({ reserves, balances, deposited, redemptions }) {
  const figures = {};
  for (const [currency, record] of Object.entries(reserves.currencies)) {
    const held = Object.values(balances).reduce((sum, account) => sum + BigInt(account[currency]), 0n);
    const paidOut = redemptions.filter((item) => item.currency === currency).reduce((sum, item) => sum + item.amount + item.fee, 0n);
    checkCurrency(currency, record, held, deposited[currency] - paidOut);
    const { decimals, supply, pending, surplus, recorded_reserve: reserve } = record;
    figures[currency] = { decimals, supply, pending, surplus, recorded_reserve: reserve };
  }
  return figures;
}
