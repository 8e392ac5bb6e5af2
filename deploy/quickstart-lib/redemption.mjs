// One redemption of the gateway: burn, plan, signatures, payout, settlement. What the ledger says of it is compared with what the chain holds.
import { CURRENCIES, SETTLEMENT_DEPTH } from './network.mjs';
import { APPROVERS } from './officers.mjs';
import { inspectPayout } from './payout.mjs';
import { inTurns } from './processes.mjs';
import { minorUnits } from './summary.mjs';

const CURRENCY = 'BTC';

export class Redemption {
  /**
   * @param {{gateway: Person, members: Member[], chain: object, m: number, amount: string, feeCap: string, address: string}} options
   * Amounts in units; `m` signatures are needed. The gateway's member is the one that is asked.
   */
  constructor({ gateway, members, chain, m, amount, feeCap, address }) {
    this.gateway = gateway;
    this.watcher = gateway.member;
    this.members = members;
    this.chain = chain;
    this.m = m;
    this.amount = amount;
    this.feeCap = feeCap;
    this.address = address;
    this.burn = undefined;
  }

  /** Returns when the burn is in a block. */
  async start(step) {
    const burn = await step.during(
      { what: 'the burn in a block', from: `custody-noded of ${this.watcher.name}`, log: this.watcher.nodedLog },
      () => this.gateway.ctl.call(
        step.signal, 'burn', '--gateway', this.gateway.name, '--currency', CURRENCY, '--amount', this.amount, '--fee-cap', this.feeCap,
        '--to', this.address, ...this.gateway.key, '--wait',
      ),
    );
    this.burn = burn.tx;
  }

  /** What the node of `member` says of it. */
  async look(step, member = this.watcher) {
    const { withdrawals } = await member.ctl.call(step.signal, 'withdrawals', '--currency', CURRENCY);
    return withdrawals.find((item) => item.burn === this.burn);
  }

  /** Waits for the denial of `member`, whose policy `rule` denies it, and shows it as custodyctl does: the record for the summary. */
  async explainDenial(step, member, rule) {
    const why = await step.waitFor({
      what: `a denial of burn ${this.burn}`,
      from: `the signer of ${member.name}`,
      log: `${member.nodedLog} and ${member.signerdLog}`,
      probe: async (state) => {
        const { decisions } = await member.ctl.call(step.signal, 'policy', 'explain');
        state(`its last decisions: ${decisions.slice(0, 3).map((item) => `${item.outcome} at ${item.time}`).join(', ') || 'none'}`);
        const denied = decisions.find((item) => item.outcome === 'DENY');
        return denied === undefined ? undefined : member.ctl.call(step.signal, 'policy', 'explain', denied.subject);
      },
    });
    step.say(`${member.name} denies it; its custodyctl policy explain tells why:\n${why.text.trimEnd()}`);
    const part = why.parts.find((item) => item.outcome === 'DENY');
    const policies = part?.policies.map((policy) => policy.id) ?? [];
    if (part?.address !== this.address || !policies.includes(rule)) {
      throw new Error(`the signer of ${member.name} denies by ${policies.join(', ') || why.rule}; expected was ${rule}, of what goes to ${this.address}`);
    }
    return { member: member.name, burn: this.burn, rule: why.rule, policies };
  }

  /** Waits until the signer of `member` asks for officers: the request's id. */
  async #waitForRequest(step, member) {
    return step.waitFor({
      what: `a request for officers, about burn ${this.burn}`,
      from: `the signer of ${member.name}`,
      log: `${member.nodedLog} and ${member.signerdLog}`,
      probe: async (state) => {
        const now = await this.look(step, member);
        const said = now?.own_signer;
        state(`${now?.status ?? 'no such burn yet'}, its signer: ${said?.state ?? 'has said nothing'} ${said?.message ?? ''}`);
        if (now?.signed_by.includes(member.name)) throw new Error(`${member.name} signed the payout of burn ${this.burn} without its officers`);
        return said?.request;
      },
    });
  }

  /**
   * Waits until the signers of `members` ask for officers, shows one of the requests, and lets the officers approve, so many at a time: the record for the
   * summary.
   */
  async collectApprovals(step, members, atATime) {
    const requests = [];
    // One after the other: all answer at about the same time, and who asks all of them at once slows them down.
    for (const member of members) requests.push({ member, request: await this.#waitForRequest(step, member) });
    const [{ member: one, request: shown }] = requests;
    const { rendering } = await one.ctl.call(step.signal, 'requests', 'show', shown);
    step.say(`the signers wait for officers; custodyctl requests show ${shown} at ${one.name}:\n${rendering.trimEnd()}`);
    const votes = requests.flatMap(({ member, request }) => (
      member.officers.filter(({ name }) => APPROVERS.includes(name)).map((officer) => ({ member, officer, request }))
    ));
    await inTurns(atATime, votes, async ({ member, officer, request }) => {
      await step.during(
        { what: `the approval of ${officer.name}`, from: `custody-signerd of ${member.name}`, log: member.signerdLog }, () => officer.approve(step.signal, request),
      );
      step.say(`${officer.name} of ${member.name} approves`);
    });
    return { burn: this.burn, requests: requests.map(({ member, request }) => ({ member: member.name, request })), officers: APPROVERS };
  }

  /** Waits for the settlement; `signers` is how many may sign. */
  async waitForSettlement(step, signers) {
    let shown;
    return step.waitFor({
      what: `the settlement of burn ${this.burn}`,
      from: `${this.m} of ${signers} signers, then the ${this.chain.name} chain`,
      log: `${this.watcher.nodedLog} and ${this.watcher.signerdLog}`,
      probe: async (state) => {
        const now = await this.look(step);
        if (now === undefined) throw new Error(`burn ${this.burn} has vanished from the list of withdrawals`);
        const text = `${now.status}, signed by ${now.signed_by.join(', ') || 'nobody'}${now.txid === null ? '' : `, transaction ${now.txid}`}`;
        state(`${text}; ${await this.watcher.describeHead(step.signal, CURRENCIES[CURRENCY].chainName)}`);
        if (text !== shown) step.say(text);
        shown = text;
        return now.status === 'settled' ? now : undefined;
      },
    });
  }

  /** The ledger transaction that proved the payout: the only settlement since the burn, which was final at `from` or one block before. */
  async #findSettlement(step, from) {
    const { height: top } = await this.watcher.status(step.signal);
    for (let height = top; height >= from; height--) {
      const { transactions } = await this.watcher.ctl.call(step.signal, 'block', String(height));
      for (const id of transactions) {
        const { kind } = await this.watcher.ctl.call(step.signal, 'tx', id);
        if (kind === 'settlement') return id;
      }
    }
    throw new Error(`no block from ${from} to ${top} has a settlement, although the burn is settled`);
  }

  /**
   * Everything about the payout that the chain itself shows, compared with what the ledger says: the record for the summary. `settled` is what
   * waitForSettlement returned, `from` a height at which the burn was final.
   */
  async record(step, settled, from) {
    const amount = minorUnits(this.amount);
    const feeCap = minorUnits(this.feeCap);
    const payout = await inspectPayout({
      chain: this.chain,
      first: this.chain.anchor.height,
      txid: settled.txid,
      address: this.address,
      amount,
      seats: this.members.map((member) => ({ member: member.name, seatKey: member.seatKey(CURRENCY) })),
    });
    const require = (condition, what) => {
      if (!condition) throw new Error(`payout ${settled.txid}: ${what}`);
    };
    require(payout.signedBy.length === this.m, `signatures of ${payout.signedBy.length} seats verify, exactly ${this.m} are wanted`);
    require(payout.fee === BigInt(settled.fee), `its fee is ${payout.fee}, the ledger says ${settled.fee}`);
    require(payout.fee <= feeCap, `its fee ${payout.fee} is above the cap ${feeCap}`);
    require(payout.anchor === settled.anchor, `its first input is ${payout.anchor}, the ledger says ${settled.anchor}`);
    require(payout.confirmations >= SETTLEMENT_DEPTH, `it was settled with ${payout.confirmations} confirmations`);
    return {
      currency: CURRENCY,
      burn: this.burn,
      amount,
      fee_cap: feeCap,
      fee: payout.fee,
      anchor: payout.anchor,
      txid: settled.txid,
      raw: payout.raw,
      confirmations: payout.confirmations,
      address: this.address,
      signed_by: payout.signedBy,
      settlement: await this.#findSettlement(step, from),
    };
  }
}
