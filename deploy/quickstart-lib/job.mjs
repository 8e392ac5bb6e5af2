// The main job, step by step. See README.md for what each step shows.
import path from 'node:path';
import { commonState, finalChecks } from './final_checks.mjs';
import { ceremony, genesis, registerGateway, startChains, startMembers } from './founding.mjs';
import { comeBack, redeem, redeemFirst, restartAlone } from './redemptions.mjs';
import { bobWithdraws, deposits, payments, swap } from './trade.mjs';
import { World } from './world.mjs';

export class Job {
  /**
   * @param {{arguments: object, programs: object, processes: ProcessTable, runner: StepRunner, walletsDir: string}} options
   * `programs` maps the names of the executables to paths; `walletsDir` keeps the wallets used on given nodes.
   */
  constructor({ runner, ...options }) {
    this.runner = runner;
    this.world = new World(options);
  }

  get summary() {
    return this.world.summary;
  }

  /** Throws when something that must run does not. */
  assertHealthy() {
    this.world.assertHealthy();
  }

  async run() {
    const { world } = this;
    const { until } = world.args;
    const step = (name, detail, work) => this.runner.run(name, detail, work);
    await step('chains', 'two Bitcoin-family nodes in regtest, and external wallets', (s) => startChains(world, s));
    await step('ceremony', `${world.members.length} members make their keys inside their tokens`, (s) => ceremony(world, s));
    await step('genesis', 'genesis from the public parts; each signer is bound to it and to its policy', (s) => genesis(world, s));
    await step('members', 'custody-signerd and custody-noded of every member', (s) => startMembers(world, s));
    await step('gateway', 'the members register a gateway by ballots', (s) => registerGateway(world, s));
    if (until === 'gateway') {
      await step('restart', `${world.victim.name} is killed, the others go on, it comes back`, (s) => restartAlone(world, s));
      await step('checks', 'every member has the same block and state', (s) => commonState(world, s));
      return;
    }
    await step('deposits', 'the gateway pays in; members attest, approve and mint', (s) => deposits(world, s));
    await step('payments', 'the gateway pays Alice and Bob, and says where it may be paid itself', (s) => payments(world, s));
    await step('swap', 'Alice and Bob swap in one transaction', (s) => swap(world, s));
    if (until === 'swap') {
      await step('checks', 'supply, reserves, balances, one state', (s) => finalChecks(world, s));
      return;
    }
    await step('withdrawal', 'Bob withdraws through the gateway', (s) => bobWithdraws(world, s));
    await step('first-redemption', `a small redemption that ${world.careful.name} denies and the others pay`, (s) => redeemFirst(world, s));
    await step('redemption', `the gateway redeems with the consortium while ${world.victim.name} is down`, (s) => redeem(world, s));
    await step('restart', `${world.victim.name} comes back and signs again`, (s) => comeBack(world, s));
    await step('checks', 'supply, reserves, balances, one state', (s) => finalChecks(world, s));
  }

  /** Ends mining and connections; the processes are the ProcessTable's. */
  async stop() {
    await this.world.stop();
  }

  /** What --keep shows. */
  endpoints() {
    return {
      members: Object.fromEntries(this.world.members.map((member) => [member.name, { dir: member.dir, socket: path.join(member.dir, 'run', 'node.sock') }])),
      chains: Object.fromEntries(Object.entries(this.world.chains).map(([currency, chain]) => [
        currency, { url: chain.url, user: chain.user, password_file: chain.passwordFile },
      ])),
    };
  }

  /** Commands that the user may try while everything runs. */
  hints() {
    const { alpha, careful, alice, bob, programs } = this.world;
    const quoted = (text) => `'${text.replaceAll("'", "'\\''")}'`;
    const key = (person) => `--key ${quoted(person.keyFile)} --password-file ${quoted(person.passwordFile)}`;
    return [
      `export CUSTODY_MEMBER=${quoted(alpha.dir)} PATH=${quoted(path.dirname(programs.custodyctl))}:"$PATH"`,
      'custodyctl status',
      'custodyctl reserves',
      'custodyctl withdrawals',
      'custodyctl watch',
      'custodyctl policy explain',
      'custodyctl requests list',
      `custodyctl policy show ${quoted(alpha.policyDir)}`,
      `custodyctl policy simulate ${quoted(careful.policyDir)}`,
      `custodyctl account ${alice.address}`,
      `custodyctl transfer build --from ${alice.address} --to ${bob.address} --amount 0.1 --currency BTC --out t.json`,
      `custodyctl transfer sign t.json ${key(alice)} --out s.json && custodyctl transfer send s.json --wait`,
      'custodyctl --help',
    ];
  }
}
