// What people do with their money: deposits, payments, a swap, a withdrawal through the gateway.
import { randomBytes } from 'node:crypto';
import path from 'node:path';
import { CURRENCIES } from './network.mjs';
import { minorUnits } from './summary.mjs';
import { DEPOSITS, GATEWAY } from './world.mjs';

const PAID_TO_ALICE = ['10', 'BTC'];
const PAID_TO_BOB = ['100', 'LTC'];
const SWAP = { alice: ['4', 'BTC'], bob: ['50', 'LTC'] };
const BOB_WITHDRAWS = '1.5';

export async function deposits(world, step) {
  const addresses = {};
  const payments = {};
  for (const [currency, amount] of Object.entries(DEPOSITS)) {
    addresses[currency] = await world.gary.ctl.call(step.signal, 'deposit-address', '--gateway', GATEWAY, '--currency', currency);
    payments[currency] = await world.sendFromWallet(step, currency, addresses[currency].address, minorUnits(amount));
    step.say(`${amount} ${currency} to ${addresses[currency].address} in ${payments[currency].txid}`);
  }
  world.summary.deposits = [];
  for (const [currency, amount] of Object.entries(DEPOSITS)) {
    const outpoint = `${payments[currency].txid}:${payments[currency].vout}`;
    const minted = await waitForMint(world, step, currency, outpoint);
    if (BigInt(minted.amount) !== minorUnits(amount)) throw new Error(`${outpoint} was minted as ${minted.amount}, paid were ${minorUnits(amount)}`);
    await world.everywhere(step, minted.minted_height);
    world.summary.deposits.push({
      currency,
      outpoint,
      amount: minted.amount,
      address: addresses[currency].address,
      witness_script: addresses[currency].witness_script,
      mint: minted.mint,
      approved_by: minted.approved_by,
    });
    step.say(`${amount} ${currency} minted at height ${minted.minted_height}, approved by ${minted.approved_by.join(', ')}`);
  }
  return 'both deposits are on the ledger';
}

async function waitForMint(world, step, currency, outpoint) {
  return step.waitFor({
    what: `the mint of ${outpoint}`,
    from: `a quorum of the members, as ${world.alpha.name} sees it`,
    log: world.alpha.nodedLog,
    probe: async (state) => {
      const { deposits } = await world.alpha.ctl.call(step.signal, 'deposits', '--currency', currency);
      const deposit = deposits.find((item) => item.outpoint === outpoint);
      const head = await world.alpha.describeHead(step.signal, CURRENCIES[currency].chainName);
      state(deposit === undefined ? `no approval yet; ${head}` : `approved by ${deposit.approved_by.join(', ')}; ${head}`);
      return deposit !== undefined && deposit.mint !== null && deposit.minted_height !== null ? deposit : undefined;
    },
  });
}

export async function payments(world, step) {
  const pay = (to, sum) => world.asked(step, `a payment to ${to.name} in a block`, world.gary.member, () => world.gary.pay(step.signal, to, ...sum));
  const { BTC: own, cold } = world.wallets;
  const [toAlice] = await Promise.all([pay(world.alice, PAID_TO_ALICE), ...[own, cold].map((wallet) => registerPayoutAddress(world, step, wallet.address))]);
  step.say(`${PAID_TO_ALICE.join(' ')} to Alice: ${toAlice.tx}`);
  const toBob = await pay(world.bob, PAID_TO_BOB);
  step.say(`${PAID_TO_BOB.join(' ')} to Bob: ${toBob.tx}`);
  await world.everywhere(step, toBob.height);
  world.summary.payments = [toAlice.tx, toBob.tx];
  return 'both are paid';
}

/** The gateway says where it may be paid; a block later it may use the address. */
async function registerPayoutAddress(world, step, address) {
  await world.asked(step, 'the payout address in a block', world.gary.member, () => world.gary.ctl.call(
    step.signal, 'gateway', 'payout-address', '--gateway', GATEWAY, '--currency', 'BTC', '--address', address, ...world.gary.key, '--wait',
  ));
  step.say(`payout address ${address} of the gateway is on the ledger`);
}

export async function swap(world, step) {
  const [give, giveCurrency] = SWAP.alice;
  const [take, takeCurrency] = SWAP.bob;
  const built = world.alice.file('swap');
  await world.alice.ctl.call(
    step.signal, 'transfer', 'build',
    '--input', `${world.alice.address}:${giveCurrency}:${give}`, '--input', `${world.bob.address}:${takeCurrency}:${take}`,
    '--output', `${world.bob.address}:${giveCurrency}:${give}`, '--output', `${world.alice.address}:${takeCurrency}:${take}`,
    '--fee-from', `${world.alice.address}:${giveCurrency}`, '--out', built,
  );
  const half = await world.alice.sign(step.signal, built, 'swap-signed');
  step.say(`Alice signed and hands ${path.basename(half)} to Bob`);
  const whole = await world.bob.sign(step.signal, half, 'swap-signed-by-both');
  const sent = await world.asked(step, 'the swap in a block', world.bob.member, () => world.bob.send(step.signal, whole));
  await world.everywhere(step, sent.height);
  world.summary.swap = sent.tx;
  return `${give} ${giveCurrency} against ${take} ${takeCurrency} in ${sent.tx}`;
}

export async function bobWithdraws(world, step) {
  const identifier = randomBytes(16).toString('hex');
  const { address } = world.wallets.bob;
  const amount = minorUnits(BOB_WITHDRAWS);
  step.say(`the gateway gives Bob identifier ${identifier} for ${address}`);
  const payment = await world.asked(
    step, 'a payment to the gateway in a block', world.bob.member, () => world.bob.pay(step.signal, world.gary, BOB_WITHDRAWS, 'BTC', identifier),
  );
  await world.everywhere(step, payment.height);
  const seen = await world.gary.ctl.call(step.signal, 'tx', payment.tx);
  if (seen.memo !== identifier) throw new Error(`the gateway sees memo ${seen.memo} in ${payment.tx}, not identifier ${identifier}`);
  step.say(`Bob paid the gateway ${BOB_WITHDRAWS} BTC with it: ${payment.tx}`);
  const sent = await world.sendFromWallet(step, 'BTC', address, amount);
  await step.waitFor({
    what: `a confirmation of ${sent.txid}`,
    from: `the ${world.chains.BTC.name} node`,
    log: world.chainLog('BTC'),
    probe: async (state) => {
      const [received] = await world.wallets.bob.received({ txid: sent.txid });
      state(received === undefined ? 'in no block' : `${received.confirmations} confirmations`);
      return received !== undefined && received.amount === amount ? true : undefined;
    },
  });
  world.summary.bob_withdrawal = { identifier, payment: payment.tx, external_txid: sent.txid, vout: sent.vout, address, amount };
  return `Bob has ${BOB_WITHDRAWS} BTC in his own wallet`;
}
