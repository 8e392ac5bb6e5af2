// The members of the network: their directories, ceremony, processes.
import { chmodSync, mkdirSync, openSync, closeSync, readFileSync, existsSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { Ctl } from './ctl.mjs';
import { Officer, OFFICERS } from './officers.mjs';
import { run } from './processes.mjs';
import { writeAtomically } from './summary.mjs';

const READY_LINE = 'ready\n';
const LOWEST_WEIGHT = 20;
const FOUR_WEIGHTS = [28, 26, 24, 22];
const ENTITIES = [
  ['Alpha Bank SA', 'CH'], ['Beta Exchange GmbH', 'DE'], ['Gamma Custody Ltd', 'GB'], ['Delta Brokers SAS', 'FR'],
  ['Epsilon Pay BV', 'NL'], ['Zeta Trust AG', 'LI'], ['Eta Markets SpA', 'IT'], ['Theta Clearing AB', 'SE'],
  ['Iota Wallets SL', 'ES'], ['Kappa Merchants Oy', 'FI'], ['Lambda Securities SA', 'LU'], ['Mu Remit Ltd', 'IE'],
  ['Nu Treasury A/S', 'DK'], ['Xi Settlement AS', 'NO'],
];
const KYC_YEARS = 2;

/** Weights of n members: distinct, near-equal, each below one third of the total. */
export function weightsFor(count) {
  if (count === FOUR_WEIGHTS.length) return FOUR_WEIGHTS;
  return Array.from({ length: count }, (_, index) => LOWEST_WEIGHT + count - 1 - index);
}

/** YYYY-MM-DD some years from now. */
export function kycExpiry(now = new Date()) {
  const then = new Date(now);
  then.setUTCFullYear(then.getUTCFullYear() + KYC_YEARS);
  return then.toISOString().slice(0, 10);
}

// Every JSON string is a TOML basic string.
const tomlString = (text) => JSON.stringify(text);

/** Text of peers.toml of `name`, from all members' endpoints.json objects. */
export function peersToml(name, endpoints) {
  const tables = [];
  for (const other of endpoints) {
    if (other.member === name) continue;
    const endpoint = other.peers[name];
    if (typeof endpoint !== 'string') throw new Error(`${other.member} names no endpoint for ${name} in its endpoints.json`);
    tables.push(`[peers.${other.member}]\nendpoint = ${tomlString(endpoint)}\n`);
  }
  return tables.join('\n');
}

/** Text of node.toml. `chains`: [{chainName, url, user, passwordFile}]. */
export function nodeToml(chains) {
  const tables = chains.map(({ chainName, url, user, passwordFile }) => [
    `[chains.${chainName}]`,
    `url = ${tomlString(url)}`,
    `user = ${tomlString(user)}`,
    `password_file = ${tomlString(passwordFile)}`,
    'poll_ms = 250',
    '',
  ].join('\n'));
  return `listen = "tcp://127.0.0.1"\nports = "auto"\n\n${tables.join('\n')}`;
}

export class Member {
  constructor({ index, weight, root, programs, processes, timeoutMs }) {
    this.name = `member-${index + 1}`;
    [this.entity, this.jurisdiction] = ENTITIES[index];
    this.weight = weight;
    this.dir = path.join(root, this.name);
    this.programs = programs;
    this.processes = processes;
    this.timeoutMs = timeoutMs;
    this.ctl = new Ctl({ program: programs.custodyctl, memberDir: this.dir, timeoutMs });
    this.nodedLog = path.join(this.dir, 'logs', 'noded.log');
    this.signerdLog = path.join(this.dir, 'logs', 'signerd.log');
    this.policyDir = path.join(this.dir, 'policy');
    this.officers = OFFICERS.map((officer) => new Officer({ ...officer, memberDir: this.dir, ctl: this.ctl }));
    this.signerd = undefined;
    this.noded = undefined;
  }

  async #ceremony(signal, ...args) {
    const result = await run(this.programs['custody-ceremony'], args, { signal, timeoutMs: this.timeoutMs });
    if (result.code !== 0) {
      const said = (result.stderr.trim() || result.stdout.trim()).slice(-1000);
      throw new Error(`custody-ceremony ${args[0]} of ${this.name} ended with ${result.code ?? result.signal}: ${said}`);
    }
    return JSON.parse(result.stdout);
  }

  /** Token, keys and public parts. */
  async init(signal, currencies) {
    await this.#ceremony(
      signal, 'init', '--dir', this.dir, '--name', this.name, '--legal-entity', this.entity, '--jurisdiction', this.jurisdiction,
      '--hoster', 'quickstart', '--kyc-expiry', kycExpiry(), '--currencies', currencies.join(','), '--json',
    );
    this.public = JSON.parse(readFileSync(this.publicFile, 'utf8'));
    mkdirSync(path.dirname(this.nodedLog), { recursive: true, mode: 0o700 });
  }

  get publicFile() {
    return path.join(this.dir, 'public.json');
  }

  /** Seat key of a currency (hex). */
  seatKey(currency) {
    const seat = this.public.seats.find((item) => item.currency === currency);
    if (seat === undefined) throw new Error(`${this.publicFile} has no seat for ${currency}`);
    return seat.key;
  }

  /** Binds the signer to genesis and to the bundle in policyDir. */
  async bind(signal, genesisFile) {
    const bound = await this.#ceremony(signal, 'bind', '--dir', this.dir, '--genesis', genesisFile, '--policy', this.policyDir, '--json');
    this.bound = { bundle: bound.policy, officers: bound.officers };
  }

  /** Which bundle the running signer decides by, as the summary shows it; throws when it is not the one that was bound. */
  async policyInForce(signal) {
    const { active } = await this.ctl.call(signal, 'policy', 'history');
    if (active.hash !== this.bound.bundle) throw new Error(`the signer of ${this.name} decides by bundle ${active.hash}; bound was ${this.bound.bundle}`);
    return { member: this.name, bundle: active.hash, version: active.version, officers: this.bound.officers };
  }

  async status(signal) {
    return this.ctl.call(signal, 'status');
  }

  /** What its node knows of an external chain, in words. */
  async describeHead(signal, chainName) {
    const { chains } = await this.status(signal);
    const chain = chains.find((item) => item.name === chainName);
    if (chain === undefined) return `${chainName} is not followed`;
    return `recorded head ${chain.recorded_height}, own node at ${chain.height}${chain.problem ? `, problem: ${chain.problem}` : ''}`;
  }

  /** `chains`: [{chainName, url, user, password}]; each password becomes a file of this member. */
  configureNode(chains) {
    const secrets = path.join(this.dir, 'secrets');
    mkdirSync(secrets, { recursive: true, mode: 0o700 });
    const tables = chains.map(({ chainName, url, user, password }) => {
      const passwordFile = path.join(secrets, `${chainName}.rpc`);
      writeFileSync(passwordFile, password, { mode: 0o600 });
      chmodSync(passwordFile, 0o600);
      return { chainName, url, user, passwordFile };
    });
    writeAtomically(path.join(this.dir, 'node.toml'), nodeToml(tables));
  }

  /** Starts the signer; resolves when its sockets accept. */
  async startSigner() {
    const pin = openSync(path.join(this.dir, 'secrets', 'user-pin'), 'r');
    try {
      this.signerd = this.processes.start({
        name: `${this.name} custody-signerd`,
        command: this.programs['custody-signerd'],
        args: ['--member', this.dir, '--pin-fd', '3', '--ready-fd', '4'],
        log: this.signerdLog,
        stdio: [pin, 'pipe'],
      });
    } finally {
      closeSync(pin);
    }
    await this.#ready(this.signerd, this.signerd.child.stdio[4]);
  }

  /** Starts the node; resolves when its endpoints are written and its socket listens. */
  async startNode() {
    this.noded = this.processes.start({
      name: `${this.name} custody-noded`,
      command: this.programs['custody-noded'],
      args: ['--member', this.dir, '--ready-fd', '3'],
      log: this.nodedLog,
      stdio: ['pipe'],
    });
    await this.#ready(this.noded, this.noded.child.stdio[3]);
  }

  async #ready(daemon, stream) {
    const text = await daemon.readUntil(stream, READY_LINE.length, this.timeoutMs);
    if (text !== READY_LINE) throw new Error(`${daemon.name} said ${JSON.stringify(text)} instead of ready; log: ${daemon.log}`);
  }

  endpoints() {
    const file = path.join(this.dir, 'run', 'endpoints.json');
    if (!existsSync(file)) throw new Error(`${this.name} wrote no ${file}; log: ${this.nodedLog}`);
    return JSON.parse(readFileSync(file, 'utf8'));
  }

  writePeers(endpoints) {
    writeAtomically(path.join(this.dir, 'peers.toml'), peersToml(this.name, endpoints));
  }

  /** SIGKILL to signer and node at once; resolves when both are gone. */
  async killHard() {
    await Promise.all([this.signerd.killOnPurpose(), this.noded.killOnPurpose()]);
  }

  get up() {
    return this.signerd?.running === true && this.noded?.running === true;
  }
}
