// The consortium pays out, once against the policy of one member and once without a member that was killed; that one comes back.
import { CAREFUL_RULE } from './policy.mjs';
import { Redemption } from './redemption.mjs';

const FIRST_REDEEMED = '0.2'; // the policies want nobody for it
const REDEEMED = '3'; // the policies want two of the treasury for it
const FEE_CAP = '0.001';

function newRedemption(world, amount, address) {
  const { m } = world.summary.params;
  return new Redemption({ gateway: world.gary, members: world.members, chain: world.chains.BTC, m, amount, feeCap: FEE_CAP, address });
}

/** To an address that the careful member's officers do not know: its signer denies, and says why; the others are enough. */
export async function redeemFirst(world, step) {
  const redemption = newRedemption(world, FIRST_REDEEMED, world.wallets.cold.address);
  const { height } = await world.status(step, world.alpha);
  await redemption.start(step);
  step.say(`burn ${redemption.burn} is final`);
  const denied = await redemption.explainDenial(step, world.careful, CAREFUL_RULE);
  world.summary.policy.denied = denied;
  const settled = await redemption.waitForSettlement(step, world.members.length - 1);
  world.summary.first_redemption = await redemption.record(step, settled, height);
  const signers = world.summary.first_redemption.signed_by.map((item) => item.member);
  if (signers.includes(world.careful.name)) throw new Error(`${world.careful.name} signed the payout that its policy denies`);
  return `${FIRST_REDEEMED} BTC paid out in ${settled.txid}, signed by ${signers.join(', ')}; denied by ${denied.policies.join(', ')} of ${world.careful.name}`;
}

export async function redeem(world, step) {
  const redemption = newRedemption(world, REDEEMED, world.wallets.BTC.address);
  await redemption.start(step);
  await world.victim.killHard();
  const atKill = await redemption.look(step);
  if (atKill === undefined) throw new Error(`burn ${redemption.burn} is not in the list of withdrawals although it is final`);
  if (atKill.status === 'settled' || atKill.signed_by.length > 0) {
    throw new Error(`${world.victim.name} was killed too late: the payout was signed by ${atKill.signed_by.join(', ')} already`);
  }
  const { height } = await world.status(step, world.alpha);
  world.restart = { member: world.victim.name, killed_height: height };
  step.say(`burn ${redemption.burn} is final; ${world.victim.name} killed at height ${height}, the payout is ${atKill.status}`);
  // Nobody waits for a block while officers read and sign, and each block has every member attest.
  for (const miner of world.miners) miner.paused = true;
  world.summary.policy.approved = await redemption.collectApprovals(step, world.membersUp, world.keysAtATime);
  for (const miner of world.miners) miner.paused = false;
  const settled = await redemption.waitForSettlement(step, world.membersUp.length);
  world.summary.redemption = await redemption.record(step, settled, height);
  const signers = world.summary.redemption.signed_by.map((item) => item.member);
  return `${REDEEMED} BTC paid out in ${settled.txid}, signed by ${signers.join(', ')}, settled while ${world.victim.name} was down`;
}

export async function restartAlone(world, step) {
  const { height } = await world.status(step, world.alpha);
  await world.victim.killHard();
  world.restart = { member: world.victim.name, killed_height: height };
  const later = await world.waitForHeight(step, world.membersUp, height + 3);
  step.say(`${world.victim.name} killed at height ${height}; the others are at ${later}`);
  return comeBack(world, step);
}

export async function comeBack(world, step) {
  const { victim } = world;
  await world.startSigner(step, victim);
  await world.startNode(step, victim);
  const { height } = await world.status(step, world.alpha);
  const up = await world.waitForHeight(step, [victim], height);
  step.say(`${victim.name} has caught up: height ${up}`);
  const first = await firstSigned(world, step, victim.name, up + 1);
  world.summary.restart = { ...world.restart, up_height: up, first_signed_height: first };
  return `its signature is in the commit of block ${first}`;
}

async function firstSigned(world, step, name, from) {
  let height = from;
  return step.waitFor({
    what: `a commit with the signature of ${name}`,
    from: name,
    log: world.victim.signerdLog,
    probe: async (state) => {
      const { height: top } = await world.status(step, world.alpha);
      for (; height < top; height++) {
        const block = await world.alpha.ctl.call(step.signal, 'block', String(height));
        state(`block ${height} is signed by ${block.commit.signed_by.join(', ')}`);
        if (block.commit.signed_by.includes(name)) return height;
      }
      return undefined;
    },
  });
}
