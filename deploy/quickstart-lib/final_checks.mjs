// What holds in the end: the books balance, and every member has the same block and state.
import { checkLedger, quietLedger } from './checks.mjs';
import { CURRENCIES } from './network.mjs';
import { minorUnits, units } from './summary.mjs';
import { DEPOSITS } from './world.mjs';

export async function commonState(world, step) {
  const statuses = await Promise.all(world.members.map((member) => world.status(step, member)));
  const common = Math.min(...statuses.map((status) => status.height));
  const blocks = await Promise.all(world.members.map((member) => member.ctl.call(step.signal, 'block', String(common))));
  world.summary.common_height = common;
  world.summary.members = world.members.map((member, index) => ({
    name: member.name,
    weight: member.weight,
    height: statuses[index].height,
    block_hash: blocks[index].hash,
    state_root: blocks[index].state_root,
    seat_keys: Object.fromEntries(Object.keys(CURRENCIES).map((currency) => [currency, member.seatKey(currency)])),
  }));
  const [first, ...others] = world.summary.members;
  const different = others.find((item) => item.block_hash !== first.block_hash || item.state_root !== first.state_root);
  if (different !== undefined) throw new Error(`${different.name} and ${first.name} have different blocks or states at height ${common}`);
  return `block ${common}: one hash and one state root for all ${world.members.length}`;
}

export async function finalChecks(world, step) {
  const people = { gateway: world.gary.address, alice: world.alice.address, bob: world.bob.address };
  const { reserves, balances } = await quietLedger(step, world.alpha, people, world.members.map((member) => member.name));
  const deposited = Object.fromEntries(Object.entries(DEPOSITS).map(([currency, amount]) => [currency, minorUnits(amount)]));
  const redemptions = [world.summary.first_redemption, world.summary.redemption].filter((item) => item !== undefined);
  world.summary.currencies = checkLedger({ reserves, balances, deposited, redemptions });
  for (const [currency, record] of Object.entries(world.summary.currencies)) {
    step.say(
      `${currency}: supply ${units(record.supply)} + pending ${units(record.pending)} + surplus ${units(record.surplus)} = recorded reserve ${units(record.recorded_reserve)}`,
    );
  }
  world.summary.balances = balances;
  return commonState(world, step);
}
