// The steps until the network runs: chains, ceremony, genesis, members, the gateway's registration.
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { ExternalWallet, mine } from '../external-wallet/external_wallet.mjs';
import { readPasswordFile } from '../external-wallet/rpc.mjs';
import { attach, fundOnGivenNode, Miner, requireRegtest, startNode } from './chains.mjs';
import { Refused } from './ctl.mjs';
import { takeGivenWallet } from './given_wallet.mjs';
import { kycExpiry } from './members.mjs';
import { anchorOf, CURRENCIES, DEPOSIT_DEPTH, genesisChains, SETTLEMENT_DEPTH } from './network.mjs';
import { Person } from './people.mjs';
import { CAREFUL_RULE, makeBundle } from './policy.mjs';
import { inTurns } from './processes.mjs';
import { toJson, writeAtomically } from './summary.mjs';
import { GATEWAY } from './world.mjs';

const ADDRESS_PREFIX = 'tcaas';
const SEGWIT_BLOCKS = 450;

export async function startChains(world, step) {
  const directory = path.join(world.dir, 'chains');
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  const start = (name) => step.during(
    { what: 'its ready line', from: `the ${name} node`, log: path.join(directory, `${name}.log`) },
    () => startNode(world.processes, name, directory, { timeoutMs: world.callMs }),
  );
  const [btc, ltc] = await Promise.all([world.args.bitcoin === undefined ? start('btc') : attachGiven(world, step), start('ltc')]);
  world.chains = { BTC: btc, LTC: ltc };
  if (world.wallets.BTC === undefined) world.wallets.BTC = world.newWallet('BTC', 'gateway-btc');
  world.wallets.LTC = world.newWallet('LTC', 'gateway-ltc');
  const own = Object.keys(world.chains).filter((currency) => world.chains[currency].daemon !== undefined);
  await Promise.all(own.map((currency) => step.during(
    { what: `${SEGWIT_BLOCKS} blocks`, from: `the ${world.chains[currency].name} node`, log: world.chainLog(currency) },
    () => mine(world.chains[currency].rpc, SEGWIT_BLOCKS, world.wallets[currency].address),
  )));
  if (world.args.bitcoin !== undefined) {
    await step.during(
      { what: 'blocks that pay 14 BTC', from: 'the given node', log: world.chainLog('BTC') },
      () => fundOnGivenNode(btc, world.wallets.BTC, { signal: step.signal, progress: (text) => step.say(text) }),
    );
  }
  for (const [currency, chain] of Object.entries(world.chains)) {
    chain.anchor = await anchorOf(chain.rpc);
    step.say(`${currency}: ${chain.url}, genesis ${chain.params.genesis.hash.slice(0, 16)}..., anchor at height ${chain.anchor.height}`);
  }
  world.wallets.cold = world.newWallet('BTC', 'gateway-cold');
  world.wallets.bob = world.newWallet('BTC', 'bob-btc');
  world.miners = Object.keys(world.chains).map((currency) => new Miner({ chain: world.chains[currency], address: world.wallets[currency].address }));
  return `${own.length} started, mining one block a second each`;
}

async function attachGiven(world, step) {
  const chain = attach({ name: 'btc', ...world.args.bitcoin });
  world.chains.BTC = chain;
  const { keyFile, lock } = takeGivenWallet(world.walletsDir, chain.url, chain.params);
  world.locks.push(lock);
  world.wallets.BTC = new ExternalWallet({ rpc: chain.rpc, params: chain.params, keyFile, stateFile: undefined });
  await requireRegtest(chain, world.wallets.BTC.address);
  step.say(`BTC: using the given node ${chain.url} with the wallet ${world.wallets.BTC.address}`);
  return chain;
}

export async function ceremony(world, step) {
  const currencies = Object.keys(CURRENCIES);
  await Promise.all(world.members.map((member) => step.during(
    { what: 'its token and keys', from: `custody-ceremony of ${member.name}`, log: member.dir }, () => member.init(step.signal, currencies),
  )));
  for (const member of world.members) step.say(`${member.name} (${member.entity}, ${member.jurisdiction}): validator key ${member.public.keys.validator}`);
  const officers = world.members.flatMap((member) => member.officers.map((officer) => ({ member, officer })));
  await inTurns(world.keysAtATime, officers, ({ member, officer }) => step.during(
    { what: `a key for officer ${officer.name}`, from: 'custodyctl', log: member.dir }, () => officer.makeKey(step.signal),
  ));
  step.say(`the officers of each: ${world.alpha.officers.map(({ name, group, curve }) => `${name} (${group}, ${curve})`).join(', ')}`);
  return `${world.members.length} tokens, ${officers.length} officers`;
}

export async function genesis(world, step) {
  const chainsFile = path.join(world.dir, 'chains.json');
  const genesisFile = path.join(world.dir, 'genesis.bin');
  writeAtomically(chainsFile, `${toJson(genesisChains(world.chains))}\n`);
  const made = await world.users.call(
    step.signal, 'genesis', '--kind', 'test', '--prefix', ADDRESS_PREFIX, '--members', ...world.members.map((member) => member.publicFile),
    '--weights', world.members.map((member) => member.weight).join(','), '--chains', chainsFile, '--out', genesisFile,
  );
  await Promise.all(world.members.map((member) => step.during(
    { what: 'a policy that passes its tests, bound with genesis', from: `custodyctl and custody-ceremony of ${member.name}`, log: member.policyDir },
    () => bindMember(world, step, member, genesisFile),
  )));
  Object.assign(world.summary, {
    chain_id: made.chain_id,
    params: {
      members: world.members.length,
      total_weight: made.total_weight,
      quorum_weight: made.quorum_weight,
      m: made.m,
      n: made.n,
      deposit_depth: DEPOSIT_DEPTH,
      settlement_depth: SETTLEMENT_DEPTH,
    },
  });
  step.say(`weights ${world.members.map((member) => member.weight).join(', ')}; quorum ${made.quorum_weight} of ${made.total_weight}`);
  step.say(`seats: m = ${made.m} of n = ${made.n}; L = ${made.L} (the most seats below one third of weight), allowed m: ${made.allowed_m.join(', ')}`);
  step.say(`policies: ${path.join(world.dir, 'member-*', 'policy')}, tested; that of ${world.careful.name} has the rule ${CAREFUL_RULE} besides`);
  return `chain id ${made.chain_id}`;
}

async function bindMember(world, step, member, genesisFile) {
  const listed = [{ currency: 'BTC', address: world.wallets.BTC.address, owner: GATEWAY, reason: 'the wallet that it pays in from' }];
  await makeBundle({ signal: step.signal, ctl: world.users, member, genesisFile, careful: member === world.careful, listed });
  await member.bind(step.signal, genesisFile);
}

export async function startMembers(world, step) {
  const rpcs = Object.entries(world.chains).map(([currency, chain]) => ({
    chainName: CURRENCIES[currency].chainName,
    url: chain.url,
    user: chain.user,
    password: readPasswordFile(chain.passwordFile),
  }));
  for (const member of world.members) member.configureNode(rpcs);
  await Promise.all(world.members.map((member) => world.startSigner(step, member)));
  world.summary.policy = { members: await Promise.all(world.members.map((member) => member.policyInForce(step.signal))) };
  step.say('all signers are ready: tokens open, sockets listen, each decides by the bundle of its officers');
  await Promise.all(world.members.map((member) => world.startNode(step, member)));
  const endpoints = world.members.map((member) => member.endpoints());
  for (const member of world.members) member.writePeers(endpoints);
  for (const member of world.members) await waitForPeers(world, step, member);
  const height = await world.waitForHeight(step, world.members, 1);
  return `block ${height} is final for every member`;
}

async function waitForPeers(world, step, member) {
  await step.waitFor({
    what: `connections to ${world.members.length - 1} peers`,
    from: member.name,
    log: member.nodedLog,
    probe: async (state) => {
      const { peers } = await world.status(step, member);
      const connected = peers.filter((peer) => peer.connected);
      state(`connected to ${connected.map((peer) => peer.name).join(', ') || 'nobody'}`);
      return connected.length === world.members.length - 1 ? true : undefined;
    },
  });
}

export async function registerGateway(world, step) {
  world.gary = new Person({ name: GATEWAY, root: world.dir, member: world.alpha });
  world.alice = new Person({ name: 'alice', root: world.dir, member: world.members[1] });
  world.bob = new Person({ name: 'bob', root: world.dir, member: world.members[2] });
  await Promise.all([world.gary, world.alice, world.bob].map((person) => world.asked(step, `a key for ${person.name}`, person.member, () => person.makeKey(step.signal))));
  const { proposal } = await world.asked(step, 'a proposal', world.alpha, () => world.alpha.ctl.call(
    step.signal, 'gateway', 'propose', '--name', GATEWAY, '--account', world.gary.address, '--kyc-expiry', kycExpiry(),
  ));
  step.say(`${world.alpha.name} proposes gateway ${GATEWAY} (${world.gary.address}): proposal ${proposal}`);
  for (const member of world.members) await vote(world, step, member, proposal);
  await step.waitFor({
    what: `gateway ${GATEWAY} in the registry (the proposal takes effect at an epoch boundary after its notice)`,
    from: world.alpha.name,
    log: world.alpha.nodedLog,
    probe: async (state) => {
      const list = await world.alpha.ctl.call(step.signal, 'gateway', 'list');
      const ours = list.proposals.find((item) => item.proposal === proposal);
      state(ours === undefined ? 'the proposal is not listed' : `proposal ${ours.status}, effective ${ours.effective}, approved by ${ours.approvals.join(', ')}`);
      return list.gateways.find((item) => item.name === GATEWAY);
    },
  });
  return `${GATEWAY} is registered`;
}

/** A ballot of a member, unless it voted already (the proposer) or the proposal passed without it. */
async function vote(world, step, member, proposal) {
  const listed = await step.waitFor({
    what: 'the proposal in its list',
    from: member.name,
    log: member.nodedLog,
    probe: async () => {
      const list = await member.ctl.call(step.signal, 'gateway', 'list');
      return list.proposals.find((item) => item.proposal === proposal);
    },
  });
  if (listed.approvals.includes(member.name)) return;
  try {
    await world.asked(step, 'a ballot', member, () => member.ctl.call(step.signal, 'gateway', 'vote', '--proposal', proposal, '--approve'));
    step.say(`${member.name} approves`);
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    const list = await member.ctl.call(step.signal, 'gateway', 'list');
    const now = list.proposals.find((item) => item.proposal === proposal);
    const passed = list.gateways.some((item) => item.name === GATEWAY) || now?.status === 'passed';
    if (!passed && !now?.approvals.includes(member.name)) throw error;
  }
}
