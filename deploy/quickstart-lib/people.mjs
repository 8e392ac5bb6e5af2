// The people of the story: a gateway, Alice, Bob. Their ledger keys are encrypted key files that custodyctl makes and uses.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

export class Person {
  /** @param {{name: string, root: string, member: Member}} options; `member` is the one whose node this person uses */
  constructor({ name, root, member }) {
    this.name = name;
    this.dir = path.join(root, 'people', name);
    this.member = member;
    this.ctl = member.ctl;
    this.keyFile = path.join(this.dir, 'key.json');
    this.passwordFile = path.join(this.dir, 'password');
    this.files = 0;
  }

  async makeKey(signal) {
    mkdirSync(this.dir, { recursive: true, mode: 0o700 });
    writeFileSync(this.passwordFile, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
    const made = await this.ctl.call(signal, 'keys', 'new', '--out', this.keyFile, ...this.password);
    this.address = made.address;
  }

  get password() {
    return ['--password-file', this.passwordFile];
  }

  get key() {
    return ['--key', this.keyFile, ...this.password];
  }

  file(purpose) {
    this.files += 1;
    return path.join(this.dir, `${String(this.files).padStart(2, '0')}-${purpose}.json`);
  }

  /** Signs a partly signed file that somebody handed over; returns the new file. */
  async sign(signal, file, purpose) {
    const signed = this.file(purpose);
    await this.ctl.call(signal, 'transfer', 'sign', file, ...this.key, '--out', signed);
    return signed;
  }

  /** Sends a completely signed file and waits until it is in a block: {tx, height}. */
  async send(signal, file) {
    const sent = await this.ctl.call(signal, 'transfer', 'send', file, '--wait');
    if (!Number.isInteger(sent.height)) throw new Error(`transaction ${sent.tx} of ${this.name} is in no block yet`);
    return { tx: sent.tx, height: sent.height };
  }

  /** Pays `amount` (units, text) to another person's address: {tx, height}. */
  async pay(signal, to, amount, currency, memo) {
    const built = this.file('payment');
    const extra = memo === undefined ? [] : ['--memo', memo];
    await this.ctl.call(
      signal, 'transfer', 'build', '--from', this.address, '--to', to.address, '--amount', amount, '--currency', currency, ...extra, '--out', built,
    );
    return this.send(signal, await this.sign(signal, built, 'payment-signed'));
  }
}
