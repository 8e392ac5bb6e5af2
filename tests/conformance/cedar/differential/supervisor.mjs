// Shares out the seeds among worker processes, adds up what they report, and starts one that died again.

import { fork } from 'node:child_process';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const SEEDS_AT_ONCE = 50;
const SPANS_OF_A_PROCESS = 400; // V8 and the engine's memory do not live for ever
const STACK = '--stack-size=3900'; // KiB of the usual 8 MiB; node's 984 are too few for the engine's deeper recursions

const workerFile = path.join(path.dirname(fileURLToPath(import.meta.url)), 'worker.mjs');

class Worker {
  constructor({ runner, npmFolder, execArgv }) {
    this.spans = 0;
    this.child = fork(workerFile, [runner, npmFolder], { execArgv: [STACK, ...execArgv] });
    this.child.on('error', () => {}); // 'close' follows
    this.closed = new Promise((resolve) => { this.child.on('close', resolve); });
  }

  /** {report}; {asking}, what it last announced, when the process died. Throws when the worker says that it failed. */
  async work(span) {
    this.spans += 1;
    let asking;
    let listen;
    const answered = new Promise((resolve) => {
      listen = (message) => {
        if (message.asking !== undefined) asking = message.asking;
        else resolve(message);
      };
      this.child.on('message', listen);
    });
    this.child.send(span, () => {}); // when the process is gone 'close' says so
    const answer = await Promise.race([answered, this.closed.then(() => ({ died: true }))]);
    this.child.off('message', listen);
    if (answer.failed !== undefined) throw new Error(answer.failed);
    return answer.died ? { asking } : answer;
  }

  async stop() {
    this.child.kill('SIGKILL'); // its cedar_runner ends with its input
    await this.closed;
  }
}

/** options: {runner, npmFolder, seed, cases, workers, show, execArgv: of the workers' node, print: where lines go}. */
export class Supervisor {
  #options;
  #next;
  #workers = new Set();
  #stopped = false;
  #started = performance.now();
  #totals = { agreed: 0, explained: 0, oracleCrashes: 0, differences: 0, oracleRestarts: 0, seeds: 0, seen: {} };

  constructor(options) {
    this.#options = { execArgv: [], show: false, ...options };
    this.#next = options.seed;
  }

  /** The sums so far; cases that the oracle crashed at are among `cases` and among nothing that agreed. */
  totals() {
    const { agreed, explained, oracleCrashes, differences, ...more } = this.#totals;
    const cases = agreed + explained + oracleCrashes + differences;
    const seconds = Math.round((performance.now() - this.#started) / 1000);
    return { cases, agreed, explained, oracleCrashes, differences, seed: this.#options.seed, seconds, interrupted: this.#stopped, ...more };
  }

  /** Asks until `cases` are judged, or until stop(). */
  async run() {
    const lanes = Array.from({ length: this.#options.workers }, () => this.#lane());
    try {
      await Promise.all(lanes);
    } finally {
      this.#stopped ||= this.#judged() < this.#options.cases;
      await this.#stopWorkers();
      await Promise.allSettled(lanes);
    }
  }

  /** Ends the run; what was being asked is not counted. */
  async stop() {
    this.#stopped = true;
    await this.#stopWorkers();
  }

  /** One seed, its questions and answers shown. */
  async show() {
    await this.#span(this.#start([]), { first: this.#options.seed, count: 1, show: true });
    await this.#stopWorkers();
  }

  #judged() {
    return this.#totals.agreed + this.#totals.explained + this.#totals.differences;
  }

  #start(more) {
    const worker = new Worker({ ...this.#options, execArgv: [...this.#options.execArgv, ...more] });
    this.#workers.add(worker);
    return worker;
  }

  async #end(worker) {
    await worker.stop();
    this.#workers.delete(worker);
  }

  async #stopWorkers() {
    await Promise.all([...this.#workers].map((worker) => this.#end(worker)));
  }

  async #lane() {
    let worker = this.#start([]);
    while (!this.#stopped && this.#judged() < this.#options.cases) {
      const span = { first: this.#next, count: SEEDS_AT_ONCE, show: false };
      this.#next += SEEDS_AT_ONCE;
      const usable = await this.#span(worker, span);
      if (usable && worker.spans < SPANS_OF_A_PROCESS) continue;
      await this.#end(worker);
      if (!this.#stopped) worker = this.#start([]);
    }
  }

  // V8's optimising compiler crashes now and then (node 20.20, "unreachable code" in its deoptimizer), not always at the
  // same seeds, so a process that died is started again without it. A case that kills two processes is the oracle's crash.
  // False: the worker died.
  async #span(worker, span) {
    const first = await worker.work({ ...span, careful: false, skip: [] });
    if (first.report !== undefined) {
      this.#add(first.report, span.count);
      return true;
    }
    const skip = [];
    let suspect;
    while (!this.#stopped) {
      this.#totals.oracleRestarts += 1;
      const fresh = this.#start(['--no-opt']);
      const { report, asking } = await fresh.work({ ...span, careful: true, skip });
      await this.#end(fresh);
      if (this.#stopped) break;
      if (report !== undefined) {
        this.#add(report, span.count);
        break;
      }
      if (asking === undefined) throw new Error(`the worker died before it asked anything, seeds from ${span.first} on`);
      if (asking === suspect) {
        skip.push(asking);
        this.#crashed(`${asking}: the process died`);
      }
      suspect = asking;
    }
    return false;
  }

  #crashed(text) {
    this.#totals.oracleCrashes += 1;
    this.#options.print(`oracle crashed, ${text}`);
  }

  #add({ agreed, explained, differences, crashes, restarts, seen }, seeds) {
    this.#totals.agreed += agreed;
    this.#totals.explained += explained;
    this.#totals.oracleRestarts += restarts;
    this.#totals.seeds += seeds;
    for (const [key, count] of Object.entries(seen)) this.#totals.seen[key] = (this.#totals.seen[key] ?? 0) + count;
    for (const text of crashes) this.#crashed(text);
    for (const text of differences) {
      this.#totals.differences += 1;
      this.#options.print(text);
    }
  }
}
