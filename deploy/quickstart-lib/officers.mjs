// The security officers of a member: who may approve what its policy does not allow by itself. Their keys are encrypted files, made and used by custodyctl.
import { randomBytes } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';

const TREASURY = 'treasury';
const COMPLIANCE = 'compliance';
/** Every member has three officers of these names, each with a key of its own. T is for treasury, C for compliance. */
export const OFFICERS = [
  { name: 'tara', group: TREASURY, curve: 'secp256k1' },
  { name: 'tom', group: TREASURY, curve: 'p256' },
  { name: 'carol', group: COMPLIANCE, curve: 'secp256k1' },
];
/** Those who let the main redemption go: the policies want two of the treasury. */
export const APPROVERS = OFFICERS.filter((officer) => officer.group === TREASURY).map((officer) => officer.name);

export class Officer {
  /** @param {{name: string, group: string, curve: string, memberDir: string, ctl: Ctl}} options; `ctl` asks the member's signer */
  constructor({ name, group, curve, memberDir, ctl }) {
    this.name = name;
    this.group = group;
    this.curve = curve;
    this.ctl = ctl;
    this.keyFile = path.join(memberDir, 'secrets', `officer-${name}.json`);
    this.passwordFile = path.join(memberDir, 'secrets', `officer-${name}.password`);
  }

  get key() {
    return ['--key', this.keyFile, '--password-file', this.passwordFile];
  }

  async makeKey(signal) {
    mkdirSync(path.dirname(this.keyFile), { recursive: true, mode: 0o700 });
    writeFileSync(this.passwordFile, `${randomBytes(18).toString('base64url')}\n`, { mode: 0o600 });
    const made = await this.ctl.call(
      signal, 'policy', 'key', 'new', '--curve', this.curve, '--out', this.keyFile, '--password-file', this.passwordFile,
    );
    this.publicKey = made.public_key;
  }

  /** What `policy new --officer` wants to know. */
  get described() {
    return [this.name, this.group, this.curve, this.publicKey].join(':');
  }

  /** Signs and hands in an approval of a request (hex); the signer refuses it unless it counts. */
  async approve(signal, request) {
    await this.ctl.call(signal, 'requests', 'approve', request, '--officer', this.name, '--group', this.group, ...this.key);
  }
}
