// Runs the steps of a job one after another, each with a time limit, all with one; tells what was awaited when time is up.
import { setMaxListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';

const DEFAULT_POLL_MS = 100;
const PROGRESS_MS = 5_000; // a wait tells its state this often

/** The job was interrupted by a signal. */
export class Interrupted extends Error {}
/** A step took too long. */
export class TimedOut extends Error {}
/** Not there yet, ask again: what a probe of waitFor throws. */
export class NotYet extends Error {}

/** What a step's function gets. */
class Step {
  constructor(name, signal, reporter, health) {
    this.name = name;
    this.signal = signal;
    this.reporter = reporter;
    this.health = health;
    this.waits = new Set();
  }

  /** Tells the user something. */
  say(text) {
    this.reporter.say(text);
  }

  /**
   * Calls `probe` until it returns something other than undefined, and returns that. The probe may call its argument with a text that describes the present
   * state; NotYet does the same by an exception. Any other error ends the wait.
   * @param {{what: string, from: string, log: string, probe: (state: (text: string) => void) => Promise<any>, everyMs?: number}} options
   */
  async waitFor({ what, from, log, probe, everyMs = DEFAULT_POLL_MS }) {
    const waiting = { what, from, log, state: 'nothing seen yet' };
    return this.#while(waiting, async () => {
      let told = performance.now();
      for (;;) {
        this.signal.throwIfAborted();
        this.health();
        try {
          const result = await probe((text) => { waiting.state = text; });
          if (result !== undefined) return result;
        } catch (error) {
          if (!(error instanceof NotYet)) throw error;
          waiting.state = error.message;
        }
        if (performance.now() - told >= PROGRESS_MS) {
          told = performance.now();
          this.say(`waiting for ${what} from ${from}: ${waiting.state}`);
        }
        await sleep(everyMs, undefined, { signal: this.signal }).catch(() => {});
      }
    });
  }

  /** Awaits `work`, with the words for the case that it fails or that time is up meanwhile. */
  async during({ what, from, log }, work) {
    try {
      return await this.#while({ what, from, log, state: 'no answer yet' }, work);
    } catch (error) {
      if (!this.signal.aborted && error.tellsAll !== true) error.message += ` (awaited ${what} from ${from}; look in ${log})`;
      throw error;
    }
  }

  async #while(waiting, work) {
    this.waits.add(waiting);
    try {
      return await work();
    } finally {
      this.waits.delete(waiting);
    }
  }

  describeWait() {
    if (this.waits.size === 0) return 'it was not waiting for anybody';
    return [...this.waits].map(({ what, from, log, state }) => `awaited ${what} from ${from}; last state: ${state}; look in ${log}`).join('; and ');
  }
}

export class StepRunner {
  /**
   * @param {{reporter: Reporter, stepMs: number, totalMs: number, health?: () => void, now?: () => number}} options; health throws when something that
   *   must run does not; now in milliseconds.
   */
  constructor({ reporter, stepMs, totalMs, health = () => {}, now = () => performance.now() }) {
    this.reporter = reporter;
    this.stepMs = stepMs;
    this.now = now;
    this.deadline = now() + totalMs;
    this.totalMs = totalMs;
    this.health = health;
    this.done = [];
    this.current = undefined;
    this.interruption = new AbortController();
  }

  /** Ends the running step, and any later one, with Interrupted. */
  interrupt(why) {
    this.interruption.abort(new Interrupted(why));
  }

  /** Runs a step. `work` gets a Step and returns the detail shown when it is done. */
  async run(name, detail, work) {
    this.current = name;
    this.interruption.signal.throwIfAborted();
    const controller = new AbortController();
    setMaxListeners(0, controller.signal); // one per program that runs at the same time
    const step = new Step(name, controller.signal, this.reporter, this.health);
    const started = this.now();
    const end = (state, text) => {
      const seconds = Math.round(this.now() - started) / 1000; // looked at once: event and summary say the same
      this.done.push({ name, seconds });
      this.reporter.step(name, state, seconds, text);
    };
    const left = this.deadline - started;
    const limit = Math.max(0, Math.min(this.stepMs, left));
    const overall = left < this.stepMs;
    this.reporter.step(name, 'start', 0, detail);

    let timer;
    const onInterrupt = () => controller.abort(this.interruption.signal.reason);
    this.interruption.signal.addEventListener('abort', onInterrupt, { once: true });
    const aborted = new Promise((_, reject) => {
      controller.signal.addEventListener('abort', () => reject(controller.signal.reason), { once: true });
    });
    timer = setTimeout(() => {
      const whose = overall ? `the whole run took longer than ${this.totalMs / 1000} s` : `the step took longer than ${this.stepMs / 1000} s`;
      controller.abort(new TimedOut(`${whose}: ${step.describeWait()}`));
    }, limit);
    try {
      const running = work(step);
      // When the abort wins the race, the step's own end is of no interest any more.
      running.catch(() => {});
      const result = (await Promise.race([running, aborted])) ?? '';
      end('done', result);
      this.current = undefined;
    } catch (error) {
      controller.abort(error);
      end('failed', error.message);
      throw error;
    } finally {
      clearTimeout(timer);
      aborted.catch(() => {});
      this.interruption.signal.removeEventListener('abort', onInterrupt);
    }
  }
}
