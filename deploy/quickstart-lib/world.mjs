// Everything that the steps of the job share: the members, chains, wallets and people, and how they are waited for.
import { mkdirSync, rmSync } from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createKeyFile, ExternalWallet } from '../external-wallet/external_wallet.mjs';
import { Ctl } from './ctl.mjs';
import { Member, weightsFor } from './members.mjs';

export const GATEWAY = 'gary';
export const DEPOSITS = { BTC: '12', LTC: '101' };
const CALL_MS = 130_000; // of one program; longer than a step, whose end tells more
const WALLET_FEE_RATE = 2n; // minor units per virtual byte

export class World {
  /** The options of Job. The steps add the people (gary, alice, bob), and what they find out to `summary`. */
  constructor({ arguments: args, programs, processes, walletsDir }) {
    this.args = args;
    this.dir = args.dir;
    this.programs = programs;
    this.processes = processes;
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

  /** Ends mining and connections; the processes are the ProcessTable's. */
  async stop() {
    const stopped = this.miners.map((miner) => miner.stop());
    // Ends calls that a node never answers.
    for (const chain of Object.values(this.chains)) chain.rpc.close();
    await Promise.all(stopped);
    for (const lock of this.locks) rmSync(lock, { force: true });
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

  /** Pays from the gateway's external wallet. */
  async sendFromWallet(step, currency, address, amount) {
    return step.during(
      { what: `a payment to ${address}`, from: `the ${this.chains[currency].name} node`, log: this.chainLog(currency) },
      () => this.wallets[currency].send(address, amount, WALLET_FEE_RATE),
    );
  }
}
