// The main job, step by step. See README.md for what each step shows.
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createKeyFile, ExternalWallet, mine } from '../external-wallet/external_wallet.mjs';
import { readPasswordFile } from '../external-wallet/rpc.mjs';
import { attach, fundOnGivenNode, Miner, requireRegtest, startNode } from './chains.mjs';
import { checkLedger, quietLedger } from './checks.mjs';
import { Ctl, Refused } from './ctl.mjs';
import { takeGivenWallet } from './given_wallet.mjs';
import { kycExpiry, Member, weightsFor } from './members.mjs';
import { anchorOf, CURRENCIES, DEPOSIT_DEPTH, genesisChains, SETTLEMENT_DEPTH } from './network.mjs';
import { Person } from './people.mjs';
import { CAREFUL_RULE, makeBundle } from './policy.mjs';
import { inTurns } from './processes.mjs';
import { Redemption } from './redemption.mjs';
import { minorUnits, toJson, units, writeAtomically } from './summary.mjs';

const GATEWAY = 'gary';
const ADDRESS_PREFIX = 'tcaas';
const SEGWIT_BLOCKS = 450;
const CALL_MS = 130_000; // of one program; longer than a step, whose end tells more
const WALLET_FEE_RATE = 2n; // minor units per virtual byte
const DEPOSITS = { BTC: '12', LTC: '101' };
const PAID_TO_ALICE = ['10', 'BTC'];
const PAID_TO_BOB = ['100', 'LTC'];
const SWAP = { alice: ['4', 'BTC'], bob: ['50', 'LTC'] };
const BOB_WITHDRAWS = '1.5';
const FIRST_REDEEMED = '0.2'; // the policies want nobody for it
const REDEEMED = '3'; // the policies want two of the treasury for it
const FEE_CAP = '0.001';

export class Job {
  /**
   * @param {{arguments: object, programs: object, processes: ProcessTable, runner: StepRunner, walletsDir: string}} options
   * `programs` maps the names of the executables to paths; `walletsDir` keeps the wallets used on given nodes.
   */
  constructor({ arguments: args, programs, processes, runner, walletsDir }) {
    this.args = args;
    this.dir = args.dir;
    this.programs = programs;
    this.processes = processes;
    this.runner = runner;
    this.walletsDir = walletsDir;
    this.callMs = CALL_MS * args.timeScale;
    this.chains = {};
    this.wallets = {};
    this.miners = [];
    this.locks = [];
    this.summary = { schema: 'custody.quickstart/1', ok: false };
    this.users = new Ctl({ program: programs.custodyctl, timeoutMs: this.callMs });
    const weights = weightsFor(args.members);
    this.members = weights.map((weight, index) => new Member({ index, weight, root: args.dir, programs, processes, timeoutMs: this.callMs }));
    [this.alpha] = this.members;
    // The lightest member goes down; the people use the others' nodes.
    this.victim = this.members[this.members.length - 1];
    // Its policy pays to listed addresses only.
    this.careful = this.members[this.members.length - 2];
    // A key that a password opens is slow on purpose and takes 128 MiB: as many at a time as there are cores.
    this.keysAtATime = os.cpus().length;
  }

  /** Throws when something that must run does not. */
  assertHealthy() {
    this.processes.assertHealthy();
    for (const miner of this.miners) miner.assertHealthy();
  }

  async run() {
    const { until } = this.args;
    const step = (name, detail, work) => this.runner.run(name, detail, work);
    await step('chains', 'two Bitcoin-family nodes in regtest, and external wallets', (s) => this.startChains(s));
    await step('ceremony', `${this.members.length} members make their keys inside their tokens`, (s) => this.ceremony(s));
    await step('genesis', 'genesis from the public parts; each signer is bound to it and to its policy', (s) => this.genesis(s));
    await step('members', 'custody-signerd and custody-noded of every member', (s) => this.startMembers(s));
    await step('gateway', 'the members register a gateway by ballots', (s) => this.registerGateway(s));
    if (until === 'gateway') {
      await step('restart', `${this.victim.name} is killed, the others go on, it comes back`, (s) => this.restartAlone(s));
      await step('checks', 'every member has the same block and state', (s) => this.commonState(s));
      return;
    }
    await step('deposits', 'the gateway pays in; members attest, approve and mint', (s) => this.deposits(s));
    await step('payments', 'the gateway pays Alice and Bob, and says where it may be paid itself', (s) => this.payments(s));
    await step('swap', 'Alice and Bob swap in one transaction', (s) => this.swap(s));
    if (until === 'swap') {
      await step('checks', 'supply, reserves, balances, one state', (s) => this.finalChecks(s));
      return;
    }
    await step('withdrawal', 'Bob withdraws through the gateway', (s) => this.bobWithdraws(s));
    await step('first-redemption', `a small redemption that ${this.careful.name} denies and the others pay`, (s) => this.redeemFirst(s));
    await step('redemption', `the gateway redeems with the consortium while ${this.victim.name} is down`, (s) => this.redeem(s));
    await step('restart', `${this.victim.name} comes back and signs again`, (s) => this.comeBack(s));
    await step('checks', 'supply, reserves, balances, one state', (s) => this.finalChecks(s));
  }

  /** Ends mining and connections; the processes are the ProcessTable's. */
  async stop() {
    const stopped = this.miners.map((miner) => miner.stop());
    // Ends calls that a node never answers.
    for (const chain of Object.values(this.chains)) chain.rpc.close();
    await Promise.all(stopped);
    for (const lock of this.locks) rmSync(lock, { force: true });
  }

  // ---- chains

  async startChains(step) {
    const directory = path.join(this.dir, 'chains');
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    const start = (name) => step.during(
      { what: 'its ready line', from: `the ${name} node`, log: path.join(directory, `${name}.log`) },
      () => startNode(this.processes, name, directory, { timeoutMs: this.callMs }),
    );
    const [btc, ltc] = await Promise.all([this.args.bitcoin === undefined ? start('btc') : this.attachGiven(step), start('ltc')]);
    this.chains = { BTC: btc, LTC: ltc };
    if (this.wallets.BTC === undefined) this.wallets.BTC = this.newWallet('BTC', 'gateway-btc');
    this.wallets.LTC = this.newWallet('LTC', 'gateway-ltc');
    const own = Object.keys(this.chains).filter((currency) => this.chains[currency].daemon !== undefined);
    await Promise.all(own.map((currency) => step.during(
      { what: `${SEGWIT_BLOCKS} blocks`, from: `the ${this.chains[currency].name} node`, log: this.chainLog(currency) },
      () => mine(this.chains[currency].rpc, SEGWIT_BLOCKS, this.wallets[currency].address),
    )));
    if (this.args.bitcoin !== undefined) {
      await step.during(
        { what: 'blocks that pay 14 BTC', from: 'the given node', log: this.chainLog('BTC') },
        () => fundOnGivenNode(btc, this.wallets.BTC, { signal: step.signal, progress: (text) => step.say(text) }),
      );
    }
    for (const [currency, chain] of Object.entries(this.chains)) {
      chain.anchor = await anchorOf(chain.rpc);
      step.say(`${currency}: ${chain.url}, genesis ${chain.params.genesis.hash.slice(0, 16)}..., anchor at height ${chain.anchor.height}`);
    }
    this.wallets.cold = this.newWallet('BTC', 'gateway-cold');
    this.wallets.bob = this.newWallet('BTC', 'bob-btc');
    this.miners = Object.keys(this.chains).map((currency) => new Miner({ chain: this.chains[currency], address: this.wallets[currency].address }));
    return `${own.length} started, mining one block a second each`;
  }

  /** Where to read what a chain's node did: its log, or the address of a node that is not ours. */
  chainLog(currency) {
    const chain = this.chains[currency];
    return chain.daemon?.log ?? `the log of ${chain.url}`;
  }

  newWallet(currency, name) {
    const chain = this.chains[currency];
    const folder = path.join(this.dir, 'wallets');
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const keyFile = path.join(folder, `${name}.key`);
    createKeyFile(keyFile, chain.params);
    return new ExternalWallet({ rpc: chain.rpc, params: chain.params, keyFile, stateFile: `${keyFile}.state.json`, birthday: chain.anchor?.height ?? 0 });
  }

  async attachGiven(step) {
    const chain = attach({ name: 'btc', ...this.args.bitcoin });
    this.chains.BTC = chain;
    const { keyFile, lock } = takeGivenWallet(this.walletsDir, chain.url, chain.params);
    this.locks.push(lock);
    this.wallets.BTC = new ExternalWallet({ rpc: chain.rpc, params: chain.params, keyFile, stateFile: undefined });
    await requireRegtest(chain, this.wallets.BTC.address);
    step.say(`BTC: using the given node ${chain.url} with the wallet ${this.wallets.BTC.address}`);
    return chain;
  }

  // ---- members

  async ceremony(step) {
    const currencies = Object.keys(CURRENCIES);
    await Promise.all(this.members.map((member) => step.during(
      { what: 'its token and keys', from: `custody-ceremony of ${member.name}`, log: member.dir }, () => member.init(step.signal, currencies),
    )));
    for (const member of this.members) step.say(`${member.name} (${member.entity}, ${member.jurisdiction}): validator key ${member.public.keys.validator}`);
    const officers = this.members.flatMap((member) => member.officers.map((officer) => ({ member, officer })));
    await inTurns(this.keysAtATime, officers, ({ member, officer }) => step.during(
      { what: `a key for officer ${officer.name}`, from: 'custodyctl', log: member.dir }, () => officer.makeKey(step.signal),
    ));
    step.say(`the officers of each: ${this.alpha.officers.map(({ name, group, curve }) => `${name} (${group}, ${curve})`).join(', ')}`);
    return `${this.members.length} tokens, ${officers.length} officers`;
  }

  async genesis(step) {
    const chainsFile = path.join(this.dir, 'chains.json');
    const genesisFile = path.join(this.dir, 'genesis.bin');
    writeAtomically(chainsFile, `${toJson(genesisChains(this.chains))}\n`);
    const made = await this.users.call(
      step.signal, 'genesis', '--kind', 'test', '--prefix', ADDRESS_PREFIX, '--members', ...this.members.map((member) => member.publicFile),
      '--weights', this.members.map((member) => member.weight).join(','), '--chains', chainsFile, '--out', genesisFile,
    );
    await Promise.all(this.members.map((member) => step.during(
      { what: 'a policy that passes its tests, bound with genesis', from: `custodyctl and custody-ceremony of ${member.name}`, log: member.policyDir },
      () => this.bindMember(step, member, genesisFile),
    )));
    Object.assign(this.summary, {
      chain_id: made.chain_id,
      params: {
        members: this.members.length,
        total_weight: made.total_weight,
        quorum_weight: made.quorum_weight,
        m: made.m,
        n: made.n,
        deposit_depth: DEPOSIT_DEPTH,
        settlement_depth: SETTLEMENT_DEPTH,
      },
    });
    step.say(`weights ${this.members.map((member) => member.weight).join(', ')}; quorum ${made.quorum_weight} of ${made.total_weight}`);
    step.say(`seats: m = ${made.m} of n = ${made.n}; L = ${made.L} (the most seats below one third of weight), allowed m: ${made.allowed_m.join(', ')}`);
    step.say(`policies: ${path.join(this.dir, 'member-*', 'policy')}, tested; that of ${this.careful.name} has the rule ${CAREFUL_RULE} besides`);
    return `chain id ${made.chain_id}`;
  }

  async bindMember(step, member, genesisFile) {
    const listed = [{ currency: 'BTC', address: this.wallets.BTC.address, owner: GATEWAY, reason: 'the wallet that it pays in from' }];
    await makeBundle({ signal: step.signal, ctl: this.users, member, genesisFile, careful: member === this.careful, listed });
    await member.bind(step.signal, genesisFile);
  }

  async startMembers(step) {
    const rpcs = Object.entries(this.chains).map(([currency, chain]) => ({
      chainName: CURRENCIES[currency].chainName,
      url: chain.url,
      user: chain.user,
      password: readPasswordFile(chain.passwordFile),
    }));
    for (const member of this.members) member.configureNode(rpcs);
    await Promise.all(this.members.map((member) => this.startSigner(step, member)));
    this.summary.policy = { members: await Promise.all(this.members.map((member) => member.policyInForce(step.signal))) };
    step.say('all signers are ready: tokens open, sockets listen, each decides by the bundle of its officers');
    await Promise.all(this.members.map((member) => this.startNode(step, member)));
    const endpoints = this.members.map((member) => member.endpoints());
    for (const member of this.members) member.writePeers(endpoints);
    for (const member of this.members) await this.waitForPeers(step, member);
    const height = await this.waitForHeight(step, this.members, 1);
    return `block ${height} is final for every member`;
  }

  async startSigner(step, member) {
    await step.during({ what: 'its sockets', from: `custody-signerd of ${member.name}`, log: member.signerdLog }, () => member.startSigner());
  }

  async startNode(step, member) {
    await step.during({ what: 'its socket and endpoints', from: `custody-noded of ${member.name}`, log: member.nodedLog }, () => member.startNode());
  }

  /** Awaits an answer that needs a member's node. */
  async asked(step, what, member, work) {
    return step.during({ what, from: `custody-noded of ${member.name}`, log: member.nodedLog }, work);
  }

  async status(step, member) {
    return member.status(step.signal);
  }

  async waitForPeers(step, member) {
    await step.waitFor({
      what: `connections to ${this.members.length - 1} peers`,
      from: member.name,
      log: member.nodedLog,
      probe: async (state) => {
        const { peers } = await this.status(step, member);
        const connected = peers.filter((peer) => peer.connected);
        state(`connected to ${connected.map((peer) => peer.name).join(', ') || 'nobody'}`);
        return connected.length === this.members.length - 1 ? true : undefined;
      },
    });
  }

  /** Waits until all of `members` have block `height`; returns the lowest height seen. */
  async waitForHeight(step, members, height) {
    const heights = [];
    for (const member of members) {
      heights.push(await step.waitFor({
        what: `block ${height}`,
        from: member.name,
        log: member.nodedLog,
        probe: async (state) => {
          const status = await this.status(step, member);
          state(`height ${status.height}, round ${status.round}`);
          return status.height >= height ? status.height : undefined;
        },
      }));
    }
    return Math.min(...heights);
  }

  get membersUp() {
    return this.members.filter((member) => member.up);
  }

  /** After a transaction at `height`, before somebody else's node is asked about it. */
  async everywhere(step, height) {
    await this.waitForHeight(step, this.membersUp, height);
  }

  // ---- gateway

  async registerGateway(step) {
    this.gary = new Person({ name: GATEWAY, root: this.dir, member: this.alpha });
    this.alice = new Person({ name: 'alice', root: this.dir, member: this.members[1] });
    this.bob = new Person({ name: 'bob', root: this.dir, member: this.members[2] });
    await Promise.all([this.gary, this.alice, this.bob].map((person) => this.asked(step, `a key for ${person.name}`, person.member, () => person.makeKey(step.signal))));
    const { proposal } = await this.asked(step, 'a proposal', this.alpha, () => this.alpha.ctl.call(
      step.signal, 'gateway', 'propose', '--name', GATEWAY, '--account', this.gary.address, '--kyc-expiry', kycExpiry(),
    ));
    step.say(`${this.alpha.name} proposes gateway ${GATEWAY} (${this.gary.address}): proposal ${proposal}`);
    for (const member of this.members) await this.vote(step, member, proposal);
    await step.waitFor({
      what: `gateway ${GATEWAY} in the registry (the proposal takes effect at an epoch boundary after its notice)`,
      from: this.alpha.name,
      log: this.alpha.nodedLog,
      probe: async (state) => {
        const list = await this.alpha.ctl.call(step.signal, 'gateway', 'list');
        const ours = list.proposals.find((item) => item.proposal === proposal);
        state(ours === undefined ? 'the proposal is not listed' : `proposal ${ours.status}, effective ${ours.effective}, approved by ${ours.approvals.join(', ')}`);
        return list.gateways.find((item) => item.name === GATEWAY);
      },
    });
    return `${GATEWAY} is registered`;
  }

  /** A ballot of a member, unless it voted already (the proposer) or the proposal passed without it. */
  async vote(step, member, proposal) {
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
      await this.asked(step, 'a ballot', member, () => member.ctl.call(step.signal, 'gateway', 'vote', '--proposal', proposal, '--approve'));
      step.say(`${member.name} approves`);
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      const list = await member.ctl.call(step.signal, 'gateway', 'list');
      const now = list.proposals.find((item) => item.proposal === proposal);
      const passed = list.gateways.some((item) => item.name === GATEWAY) || now?.status === 'passed';
      if (!passed && !now?.approvals.includes(member.name)) throw error;
    }
  }

  // ---- deposits, payments, swap

  async deposits(step) {
    const addresses = {};
    const payments = {};
    for (const [currency, amount] of Object.entries(DEPOSITS)) {
      addresses[currency] = await this.gary.ctl.call(step.signal, 'deposit-address', '--gateway', GATEWAY, '--currency', currency);
      payments[currency] = await this.sendFromWallet(step, currency, addresses[currency].address, minorUnits(amount));
      step.say(`${amount} ${currency} to ${addresses[currency].address} in ${payments[currency].txid}`);
    }
    this.summary.deposits = [];
    for (const [currency, amount] of Object.entries(DEPOSITS)) {
      const outpoint = `${payments[currency].txid}:${payments[currency].vout}`;
      const minted = await this.waitForMint(step, currency, outpoint);
      if (BigInt(minted.amount) !== minorUnits(amount)) throw new Error(`${outpoint} was minted as ${minted.amount}, paid were ${minorUnits(amount)}`);
      await this.everywhere(step, minted.minted_height);
      this.summary.deposits.push({
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

  /** Pays from the gateway's external wallet. */
  async sendFromWallet(step, currency, address, amount) {
    return step.during(
      { what: `a payment to ${address}`, from: `the ${this.chains[currency].name} node`, log: this.chainLog(currency) },
      () => this.wallets[currency].send(address, amount, WALLET_FEE_RATE),
    );
  }

  async waitForMint(step, currency, outpoint) {
    return step.waitFor({
      what: `the mint of ${outpoint}`,
      from: `a quorum of the members, as ${this.alpha.name} sees it`,
      log: this.alpha.nodedLog,
      probe: async (state) => {
        const { deposits } = await this.alpha.ctl.call(step.signal, 'deposits', '--currency', currency);
        const deposit = deposits.find((item) => item.outpoint === outpoint);
        const head = await this.alpha.describeHead(step.signal, CURRENCIES[currency].chainName);
        state(deposit === undefined ? `no approval yet; ${head}` : `approved by ${deposit.approved_by.join(', ')}; ${head}`);
        return deposit !== undefined && deposit.mint !== null && deposit.minted_height !== null ? deposit : undefined;
      },
    });
  }

  async payments(step) {
    const pay = (to, sum) => this.asked(step, `a payment to ${to.name} in a block`, this.gary.member, () => this.gary.pay(step.signal, to, ...sum));
    const { BTC: own, cold } = this.wallets;
    const [toAlice] = await Promise.all([pay(this.alice, PAID_TO_ALICE), ...[own, cold].map((wallet) => this.registerPayoutAddress(step, wallet.address))]);
    step.say(`${PAID_TO_ALICE.join(' ')} to Alice: ${toAlice.tx}`);
    const toBob = await pay(this.bob, PAID_TO_BOB);
    step.say(`${PAID_TO_BOB.join(' ')} to Bob: ${toBob.tx}`);
    await this.everywhere(step, toBob.height);
    this.summary.payments = [toAlice.tx, toBob.tx];
    return 'both are paid';
  }

  /** The gateway says where it may be paid; a block later it may use the address. */
  async registerPayoutAddress(step, address) {
    await this.asked(step, 'the payout address in a block', this.gary.member, () => this.gary.ctl.call(
      step.signal, 'gateway', 'payout-address', '--gateway', GATEWAY, '--currency', 'BTC', '--address', address, ...this.gary.key, '--wait',
    ));
    step.say(`payout address ${address} of the gateway is on the ledger`);
  }

  async swap(step) {
    const [give, giveCurrency] = SWAP.alice;
    const [take, takeCurrency] = SWAP.bob;
    const built = this.alice.file('swap');
    await this.alice.ctl.call(
      step.signal, 'transfer', 'build',
      '--input', `${this.alice.address}:${giveCurrency}:${give}`, '--input', `${this.bob.address}:${takeCurrency}:${take}`,
      '--output', `${this.bob.address}:${giveCurrency}:${give}`, '--output', `${this.alice.address}:${takeCurrency}:${take}`,
      '--fee-from', `${this.alice.address}:${giveCurrency}`, '--out', built,
    );
    const half = await this.alice.sign(step.signal, built, 'swap-signed');
    step.say(`Alice signed and hands ${path.basename(half)} to Bob`);
    const whole = await this.bob.sign(step.signal, half, 'swap-signed-by-both');
    const sent = await this.asked(step, 'the swap in a block', this.bob.member, () => this.bob.send(step.signal, whole));
    await this.everywhere(step, sent.height);
    this.summary.swap = sent.tx;
    return `${give} ${giveCurrency} against ${take} ${takeCurrency} in ${sent.tx}`;
  }

  // ---- money out

  async bobWithdraws(step) {
    const identifier = randomBytes(16).toString('hex');
    const { address } = this.wallets.bob;
    const amount = minorUnits(BOB_WITHDRAWS);
    step.say(`the gateway gives Bob identifier ${identifier} for ${address}`);
    const payment = await this.asked(
      step, 'a payment to the gateway in a block', this.bob.member, () => this.bob.pay(step.signal, this.gary, BOB_WITHDRAWS, 'BTC', identifier),
    );
    await this.everywhere(step, payment.height);
    const seen = await this.gary.ctl.call(step.signal, 'tx', payment.tx);
    if (seen.memo !== identifier) throw new Error(`the gateway sees memo ${seen.memo} in ${payment.tx}, not identifier ${identifier}`);
    step.say(`Bob paid the gateway ${BOB_WITHDRAWS} BTC with it: ${payment.tx}`);
    const sent = await this.sendFromWallet(step, 'BTC', address, amount);
    await step.waitFor({
      what: `a confirmation of ${sent.txid}`,
      from: `the ${this.chains.BTC.name} node`,
      log: this.chainLog('BTC'),
      probe: async (state) => {
        const [received] = await this.wallets.bob.received({ txid: sent.txid });
        state(received === undefined ? 'in no block' : `${received.confirmations} confirmations`);
        return received !== undefined && received.amount === amount ? true : undefined;
      },
    });
    this.summary.bob_withdrawal = { identifier, payment: payment.tx, external_txid: sent.txid, vout: sent.vout, address, amount };
    return `Bob has ${BOB_WITHDRAWS} BTC in his own wallet`;
  }

  newRedemption(amount, address) {
    const { m } = this.summary.params;
    return new Redemption({ gateway: this.gary, members: this.members, chain: this.chains.BTC, m, amount, feeCap: FEE_CAP, address });
  }

  /** To an address that the careful member's officers do not know: its signer denies, and says why; the others are enough. */
  async redeemFirst(step) {
    const redemption = this.newRedemption(FIRST_REDEEMED, this.wallets.cold.address);
    const { height } = await this.status(step, this.alpha);
    await redemption.start(step);
    step.say(`burn ${redemption.burn} is final`);
    const denied = await redemption.explainDenial(step, this.careful, CAREFUL_RULE);
    this.summary.policy.denied = denied;
    const settled = await redemption.waitForSettlement(step, this.members.length - 1);
    this.summary.first_redemption = await redemption.record(step, settled, height);
    const signers = this.summary.first_redemption.signed_by.map((item) => item.member);
    if (signers.includes(this.careful.name)) throw new Error(`${this.careful.name} signed the payout that its policy denies`);
    return `${FIRST_REDEEMED} BTC paid out in ${settled.txid}, signed by ${signers.join(', ')}; denied by ${denied.policies.join(', ')} of ${this.careful.name}`;
  }

  async redeem(step) {
    const redemption = this.newRedemption(REDEEMED, this.wallets.BTC.address);
    await redemption.start(step);
    await this.victim.killHard();
    const atKill = await redemption.look(step);
    if (atKill === undefined) throw new Error(`burn ${redemption.burn} is not in the list of withdrawals although it is final`);
    if (atKill.status === 'settled' || atKill.signed_by.length > 0) {
      throw new Error(`${this.victim.name} was killed too late: the payout was signed by ${atKill.signed_by.join(', ')} already`);
    }
    const { height } = await this.status(step, this.alpha);
    this.restart = { member: this.victim.name, killed_height: height };
    step.say(`burn ${redemption.burn} is final; ${this.victim.name} killed at height ${height}, the payout is ${atKill.status}`);
    // Nobody waits for a block while officers read and sign, and each block has every member attest.
    for (const miner of this.miners) miner.paused = true;
    this.summary.policy.approved = await redemption.collectApprovals(step, this.membersUp, this.keysAtATime);
    for (const miner of this.miners) miner.paused = false;
    const settled = await redemption.waitForSettlement(step, this.membersUp.length);
    this.summary.redemption = await redemption.record(step, settled, height);
    const signers = this.summary.redemption.signed_by.map((item) => item.member);
    return `${REDEEMED} BTC paid out in ${settled.txid}, signed by ${signers.join(', ')}, settled while ${this.victim.name} was down`;
  }

  // ---- restart

  async restartAlone(step) {
    const { height } = await this.status(step, this.alpha);
    await this.victim.killHard();
    this.restart = { member: this.victim.name, killed_height: height };
    const later = await this.waitForHeight(step, this.membersUp, height + 3);
    step.say(`${this.victim.name} killed at height ${height}; the others are at ${later}`);
    return this.comeBack(step);
  }

  async comeBack(step) {
    const { victim } = this;
    await this.startSigner(step, victim);
    await this.startNode(step, victim);
    const { height } = await this.status(step, this.alpha);
    const up = await this.waitForHeight(step, [victim], height);
    step.say(`${victim.name} has caught up: height ${up}`);
    const first = await this.firstSigned(step, victim.name, up + 1);
    this.summary.restart = { ...this.restart, up_height: up, first_signed_height: first };
    return `its signature is in the commit of block ${first}`;
  }

  async firstSigned(step, name, from) {
    let height = from;
    return step.waitFor({
      what: `a commit with the signature of ${name}`,
      from: name,
      log: this.victim.signerdLog,
      probe: async (state) => {
        const { height: top } = await this.status(step, this.alpha);
        for (; height < top; height++) {
          const block = await this.alpha.ctl.call(step.signal, 'block', String(height));
          state(`block ${height} is signed by ${block.commit.signed_by.join(', ')}`);
          if (block.commit.signed_by.includes(name)) return height;
        }
        return undefined;
      },
    });
  }

  // ---- checks

  async commonState(step) {
    const statuses = await Promise.all(this.members.map((member) => this.status(step, member)));
    const common = Math.min(...statuses.map((status) => status.height));
    const blocks = await Promise.all(this.members.map((member) => member.ctl.call(step.signal, 'block', String(common))));
    this.summary.common_height = common;
    this.summary.members = this.members.map((member, index) => ({
      name: member.name,
      weight: member.weight,
      height: statuses[index].height,
      block_hash: blocks[index].hash,
      state_root: blocks[index].state_root,
      seat_keys: Object.fromEntries(Object.keys(CURRENCIES).map((currency) => [currency, member.seatKey(currency)])),
    }));
    const [first, ...others] = this.summary.members;
    const different = others.find((item) => item.block_hash !== first.block_hash || item.state_root !== first.state_root);
    if (different !== undefined) throw new Error(`${different.name} and ${first.name} have different blocks or states at height ${common}`);
    return `block ${common}: one hash and one state root for all ${this.members.length}`;
  }

  async finalChecks(step) {
    const people = { gateway: this.gary.address, alice: this.alice.address, bob: this.bob.address };
    const { reserves, balances } = await quietLedger(step, this.alpha, people, this.members.map((member) => member.name));
    const deposited = Object.fromEntries(Object.entries(DEPOSITS).map(([currency, amount]) => [currency, minorUnits(amount)]));
    const redemptions = [this.summary.first_redemption, this.summary.redemption].filter((item) => item !== undefined);
    this.summary.currencies = checkLedger({ reserves, balances, deposited, redemptions });
    for (const [currency, record] of Object.entries(this.summary.currencies)) {
      step.say(
        `${currency}: supply ${units(record.supply)} + pending ${units(record.pending)} + surplus ${units(record.surplus)} = recorded reserve ${units(record.recorded_reserve)}`,
      );
    }
    this.summary.balances = balances;
    return this.commonState(step);
  }

  // ---- afterwards

  /** What --keep shows. */
  endpoints() {
    return {
      members: Object.fromEntries(this.members.map((member) => [member.name, { dir: member.dir, socket: path.join(member.dir, 'run', 'node.sock') }])),
      chains: Object.fromEntries(Object.entries(this.chains).map(([currency, chain]) => [
        currency, { url: chain.url, user: chain.user, password_file: chain.passwordFile },
      ])),
    };
  }

  /** Commands that the user may try while everything runs. */
  hints() {
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const key = (person) => `--key ${quoted(person.keyFile)} --password-file ${quoted(person.passwordFile)}`;
    return [
      `export CUSTODY_MEMBER=${quoted(this.alpha.dir)} PATH=${quoted(path.dirname(this.programs.custodyctl))}:"$PATH"`,
      'custodyctl status',
      'custodyctl reserves',
      'custodyctl withdrawals',
      'custodyctl watch',
      'custodyctl policy explain',
      'custodyctl requests list',
      `custodyctl policy show ${quoted(this.alpha.policyDir)}`,
      `custodyctl policy simulate ${quoted(this.careful.policyDir)}`,
      `custodyctl account ${this.alice.address}`,
      `custodyctl transfer build --from ${this.alice.address} --to ${this.bob.address} --amount 0.1 --currency BTC --out t.json`,
      `custodyctl transfer sign t.json ${key(this.alice)} --out s.json && custodyctl transfer send s.json --wait`,
      'custodyctl --help',
    ];
  }
}
