// What the user sees: readable lines on standard output, or with --json only JSON lines there and the readable ones on standard error.

const seconds = (ms) => Math.round(ms) / 1000;

export class Reporter {
  /** @param {{json: boolean, out?: Writable, err?: Writable, now?: () => number}} options */
  constructor({ json, out = process.stdout, err = process.stderr, now = () => performance.now() }) {
    this.json = json;
    this.out = out;
    this.text = json ? err : out;
    this.now = now;
    this.started = now();
  }

  /** Seconds since the start. */
  elapsed() {
    return seconds(this.now() - this.started);
  }

  line(text) {
    this.text.write(`${text}\n`);
  }

  event(value) {
    if (this.json) this.out.write(`${JSON.stringify(value)}\n`);
  }

  /** A step began ("start"), ended ("done") or failed ("failed"). */
  step(name, state, took, detail) {
    this.event({ event: 'step', name, state, seconds: took, detail });
    const clock = `[${this.elapsed().toFixed(1).padStart(6)} s]`;
    if (state === 'start') this.line(`${clock} ${name}: ${detail}`);
    else this.line(`${clock} ${name} ${state} in ${took.toFixed(1)} s${detail === '' ? '' : `: ${detail}`}`);
  }

  /** What happens inside a step. */
  say(text) {
    for (const line of text.split('\n')) this.line(`            ${line}`);
  }
}
