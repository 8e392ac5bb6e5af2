// Child processes that never outlive the driver: each is started through `setpriv --pdeathsig KILL`, in a session of its own (Ctrl-C reaches the driver
// only, which then stops them in order), with its output in a log file.
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import path from 'node:path';

const MAX_CAPTURE_BYTES = 16 * 1024 * 1024;
const LOG_TAIL_LINES = 5;

/** The last lines of a log, for error messages; empty when there is none. */
export function logTail(file, lines = LOG_TAIL_LINES) {
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    return '';
  }
  return text.trimEnd().split('\n').slice(-lines).join('\n');
}

function describeExit(code, signal) {
  return signal === null ? `exited with ${code}` : `was ended by ${signal}`;
}

/** SIGKILL to a child and to everything that it started: each child leads a process group of its own. */
function killGroup(child) {
  if (child.pid === undefined) return;
  try {
    process.kill(-child.pid, 'SIGKILL');
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

/** A long-running child. */
export class Daemon {
  /**
   * @param {{name: string, command: string, args?: string[], log: string, env?: object, cwd?: string, stdio?: Array, stdout?: 'log'|'pipe'}} options
   * `stdio` adds descriptors from 3 on (numbers or 'pipe'); with stdout 'pipe' only standard error goes to the log.
   */
  constructor({ name, command, args = [], log, env, cwd, stdio = [], stdout = 'log', stdin = 'ignore' }) {
    this.name = name;
    this.log = log;
    this.exit = undefined;
    this.expectedToEnd = false;
    mkdirSync(path.dirname(log), { recursive: true, mode: 0o700 });
    const descriptor = openSync(log, 'a', 0o600);
    try {
      this.child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
        cwd,
        env: env ?? process.env,
        detached: true,
        stdio: [stdin, stdout === 'pipe' ? 'pipe' : descriptor, descriptor, ...stdio],
      });
    } finally {
      closeSync(descriptor);
    }
    this.ended = new Promise((resolve) => {
      const end = (exit) => {
        if (this.exit !== undefined) return;
        this.exit = exit;
        killGroup(this.child);
        resolve(exit);
      };
      this.child.once('error', (error) => end({ code: null, signal: null, text: `could not be started: ${error.message}` }));
      this.child.once('exit', (code, signal) => end({ code, signal, text: describeExit(code, signal) }));
    });
  }

  get pid() {
    return this.child.pid;
  }

  get running() {
    return this.exit === undefined && this.child.pid !== undefined;
  }

  /** Throws when the process has ended. */
  assertRunning() {
    if (this.running) return;
    const tail = logTail(this.log);
    throw new Error(`${this.name} ${this.exit?.text ?? 'is not running'}; log: ${this.log}${tail === '' ? '' : `\n${tail}`}`);
  }

  /** Sends a signal, SIGKILL also to whatever the process started; nothing happens when it has ended. */
  kill(signal) {
    if (!this.running) return;
    if (signal === 'SIGKILL') killGroup(this.child);
    else this.child.kill(signal);
  }

  /** SIGKILL as part of the plan; resolves when the process has ended. */
  async killOnPurpose() {
    this.expectedToEnd = true;
    this.kill('SIGKILL');
    await this.ended;
  }

  /** SIGTERM, then SIGKILL after `graceMs`; resolves when the process has ended, with true when SIGTERM was enough. */
  async stop(graceMs = 5_000) {
    this.expectedToEnd = true;
    if (!this.running) return true;
    let clean = true;
    this.kill('SIGTERM');
    const timer = setTimeout(() => {
      clean = false;
      this.kill('SIGKILL');
    }, graceMs);
    await this.ended;
    clearTimeout(timer);
    return clean;
  }

  /** The first line of standard output (needs stdout 'pipe'); later output is read and dropped. */
  firstLine(timeoutMs) {
    return this.#read(this.child.stdout, (text) => (text.includes('\n') ? text.slice(0, text.indexOf('\n')) : undefined), timeoutMs);
  }

  /** The first `length` characters of a stream; later output is read and dropped. */
  readUntil(stream, length, timeoutMs) {
    return this.#read(stream, (text) => (text.length >= length ? text.slice(0, length) : undefined), timeoutMs);
  }

  /** Reads until `take` returns something. Rejects when the process ends or time is up. */
  #read(stream, take, timeoutMs) {
    return new Promise((resolve, reject) => {
      let text = '';
      const timer = setTimeout(() => reject(new Error(`${this.name} was not ready within ${timeoutMs} ms; log: ${this.log}`)), timeoutMs);
      stream.setEncoding('utf8');
      stream.on('error', () => {});
      stream.on('data', (part) => {
        if (text === undefined) return;
        text += part;
        const taken = take(text);
        if (taken === undefined) return;
        text = undefined;
        clearTimeout(timer);
        resolve(taken);
      });
      this.ended.then(() => {
        clearTimeout(timer);
        try {
          this.assertRunning();
        } catch (error) {
          reject(error);
        }
      });
    });
  }
}

/** All daemons of a run, so that every way out stops every one of them. */
export class ProcessTable {
  constructor() {
    this.daemons = [];
    this.closed = false;
    // SIGKILL is the last resort for an exit that ran no other clean-up.
    this.onExit = () => this.killAll();
    process.on('exit', this.onExit);
  }

  /** Starts a daemon (see Daemon) and keeps it; refuses once everything is being stopped. */
  start(options) {
    if (this.closed) throw new Error(`${options.name} is not started: everything is being stopped`);
    const daemon = new Daemon(options);
    this.daemons.push(daemon);
    return daemon;
  }

  /** Throws when a daemon has ended that nobody ended on purpose. */
  assertHealthy() {
    for (const daemon of this.daemons) {
      if (!daemon.expectedToEnd) daemon.assertRunning();
    }
  }

  killAll() {
    for (const daemon of this.daemons) daemon.kill('SIGKILL');
  }

  /** Stops all at once, since each must bear the loss of any other. Returns the names of those that SIGTERM did not stop. */
  async stopAll(graceMs = 5_000) {
    this.closed = true;
    const clean = await Promise.all(this.daemons.map((daemon) => daemon.stop(graceMs)));
    process.removeListener('exit', this.onExit);
    return this.daemons.filter((_, index) => !clean[index]).map((daemon) => daemon.name);
  }
}

/**
 * Runs a command to its end. Returns {code, signal, stdout, stderr} as text; never throws for a non-zero exit.
 * `input` is written to standard input; `stdio` adds descriptors from 3 on; `signal` (AbortSignal) kills it.
 */
export function run(command, args, { env, cwd, input, stdio = [], timeoutMs = 60_000, signal } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', '--', command, ...args], {
      cwd,
      env: env ?? process.env,
      detached: true,
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe', ...stdio],
    });
    const captured = { stdout: [], stderr: [] };
    let size = 0;
    let failure;
    const kill = (why) => {
      failure ??= why;
      killGroup(child);
    };
    for (const name of ['stdout', 'stderr']) {
      child[name].on('data', (part) => {
        size += part.length;
        if (size > MAX_CAPTURE_BYTES) kill(`printed more than ${MAX_CAPTURE_BYTES} bytes`);
        else captured[name].push(part);
      });
    }
    const timer = setTimeout(() => kill(`did not end within ${timeoutMs} ms`), timeoutMs);
    const onAbort = () => kill('was stopped');
    signal?.addEventListener('abort', onAbort, { once: true });
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', onAbort);
    };
    child.once('error', (error) => {
      done();
      reject(new Error(`${command} could not be started: ${error.message}`));
    });
    child.once('close', (code, signalName) => {
      done();
      const text = (name) => Buffer.concat(captured[name]).toString('utf8');
      if (failure !== undefined) reject(new Error(`${path.basename(command)} ${args.slice(0, 2).join(' ')} ${failure}`));
      else resolve({ code, signal: signalName, stdout: text('stdout'), stderr: text('stderr') });
    });
    if (input !== undefined) child.stdin.end(input);
    if (signal?.aborted) onAbort();
  });
}

/** Does `work` for each of `items`, at most `width` at a time; the results in order. */
export async function inTurns(width, items, work) {
  const results = [];
  let next = 0;
  const take = async () => {
    while (next < items.length) {
      const index = next++;
      results[index] = await work(items[index]);
    }
  };
  await Promise.all(Array.from({ length: Math.min(width, items.length) }, take));
  return results;
}
