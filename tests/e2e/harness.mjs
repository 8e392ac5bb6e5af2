// What the end-to-end tests share: the quickstart as a child process, its events, its whole process tree, and fresh directories.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

export const CLONE = fileURLToPath(new URL('../..', import.meta.url)).replace(/\/$/, '');
/** Every limit of the product times this: a test machine may be busy. */
export const TIME_SCALE = process.env.CUSTODY_E2E_TIME_SCALE ?? '3';
const SAMPLE_MS = 40;
const GONE_MS = 20_000;

/** build/e2e/NAME, which does not exist. */
export function freshDirectory(name) {
  const directory = path.join(CLONE, 'build', 'e2e', name);
  rmSync(directory, { recursive: true, force: true });
  return directory;
}

export function readSummary(directory) {
  const file = path.join(directory, 'summary.json');
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : undefined;
}

function readProc(pid, name) {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1');
  } catch {
    return ''; // it has ended, or only root may read it
  }
}

/** {state, parent, started} of a process, or undefined; `started` tells it from a later one of the same number. */
function identify(pid) {
  const stat = readProc(pid, 'stat');
  if (stat === '') return undefined;
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  return { state: fields[0], parent: Number(fields[1]), started: fields[19] };
}

export const allPids = () => readdirSync('/proc').filter((name) => /^\d+$/.test(name)).map(Number);

/** A process and everything that it started, by number. */
export function processTree(root) {
  const parents = new Map(allPids().map((pid) => [pid, identify(pid)?.parent]));
  const found = [root];
  for (let index = 0; index < found.length; index++) {
    for (const [pid, parent] of parents) if (parent === found[index]) found.push(pid);
  }
  return found;
}

/** Arguments and environment of a process, as any user of the machine (arguments) or its owner (environment) can read them. */
export const argumentsOf = (pid) => readProc(pid, 'cmdline');
const environmentOf = (pid) => readProc(pid, 'environ');

/** A running quickstart. */
export class Quickstart {
  /** @param {string[]} args @param {{clone?: string, env?: object, wrapper?: string[], watch?: boolean}} options; `wrapper` is a command that runs it */
  constructor(args, { clone = CLONE, env = {}, wrapper = [], watch = false } = {}) {
    const command = [...wrapper, path.join(clone, 'deploy', 'quickstart'), ...args];
    this.child = spawn(command[0], command.slice(1), { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
    this.stdout = '';
    this.stderr = '';
    this.events = [];
    this.waiting = [];
    this.seen = new Map(); // pid -> start time, of every process of this run
    this.shown = new Map(); // pid -> arguments when last looked at
    this.texts = new Set(); // arguments and environments seen
    createInterface({ input: this.child.stdout }).on('line', (line) => this.#line(line));
    this.child.stderr.on('data', (data) => { this.stderr += data; });
    this.ended = new Promise((resolve, reject) => {
      this.child.on('error', reject);
      this.child.on('close', (code, signal) => {
        this.exit = { code, signal };
        for (const { reject: give, text } of this.waiting) give(new Error(`it ended with ${code ?? signal} before ${text}\n${this.stderr.slice(-3000)}`));
        resolve(this.exit);
      });
    });
    this.watching = watch ? this.#watch() : Promise.resolve();
  }

  #line(line) {
    this.stdout += `${line}\n`;
    let event;
    try {
      event = JSON.parse(line);
    } catch {
      return; // without --json
    }
    this.events.push(event);
    this.waiting = this.waiting.filter(({ matches, resolve }) => {
      if (!matches(event)) return true;
      resolve(event);
      return false;
    });
  }

  /** The first event, past or future, that has all of `fields`; rejects when the run ends without it. */
  event(fields) {
    const matches = (event) => Object.entries(fields).every(([name, value]) => event[name] === value);
    const past = this.events.find(matches);
    if (past !== undefined) return Promise.resolve(past);
    return new Promise((resolve, reject) => {
      const text = JSON.stringify(fields);
      if (this.exit !== undefined) reject(new Error(`it has ended without ${text}`));
      this.waiting.push({ matches, resolve, reject, text });
    });
  }

  step(name, state) {
    return this.event({ event: 'step', name, state });
  }

  // Looks at the process tree again and again until the end of the job, for processes of which one glance would see nothing.
  async #watch() {
    while (this.exit === undefined && !this.events.some(({ event }) => event === 'summary')) {
      this.look();
      await sleep(SAMPLE_MS);
    }
  }

  /** Remembers every process of the run as it is now. */
  look() {
    for (const pid of processTree(this.child.pid)) {
      const identity = identify(pid);
      if (identity === undefined) continue;
      this.seen.set(pid, identity.started);
      const words = argumentsOf(pid);
      if (this.shown.get(pid) === words) continue; // it runs the same program as before
      this.shown.set(pid, words);
      this.texts.add(words);
      this.texts.add(environmentOf(pid));
    }
  }

  /** Processes of this run that still run after some seconds of waiting for their end: "pid arguments". */
  async leftOver() {
    const remaining = () => [...this.seen].filter(([pid, started]) => {
      const now = identify(pid);
      return now !== undefined && now.started === started && now.state !== 'Z';
    });
    for (const end = Date.now() + GONE_MS; remaining().length > 0 && Date.now() < end;) await sleep(SAMPLE_MS);
    return remaining().map(([pid]) => `${pid} ${argumentsOf(pid).replaceAll('\0', ' ')}`);
  }
}

/** Runs the quickstart to its end: {code, signal, stdout, stderr, events, leftOver()}. */
export async function quickstart(args, options) {
  const run = new Quickstart(args, options);
  const { code, signal } = await run.ended;
  return Object.assign(run, { code, signal });
}

/** The number of the process among the run's whose arguments hold all of `parts`. */
export function findProcess(run, ...parts) {
  const found = processTree(run.child.pid).find((pid) => parts.every((part) => argumentsOf(pid).includes(part)));
  if (found === undefined) throw new Error(`the run has no process with ${parts.join(' and ')}`);
  return found;
}
