// What the user sees: readable lines on standard output, or with --json only JSON lines there and the readable ones on standard error.

const seconds = (ms) => Math.round(ms) / 1000;
// SGR codes of ECMA-48: bold, green, red.
const STYLE = { start: '1', done: '32', failed: '1;31' };

export class Reporter {
  /** @param {{json: boolean, out?: Writable, err?: Writable, now?: () => number, env?: object}} options; colours on a terminal only, and never with NO_COLOR */
  constructor({ json, out = process.stdout, err = process.stderr, now = () => performance.now(), env = process.env }) {
    this.json = json;
    this.out = out;
    this.text = json ? err : out;
    this.colours = this.text.isTTY === true && env.NO_COLOR === undefined && env.TERM !== 'dumb';
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
    const shown = this.style(state, state === 'start' ? name : `${name} ${state}`);
    if (state === 'start') this.line(`${clock} ${shown}: ${detail}`);
    else this.line(`${clock} ${shown} in ${took.toFixed(1)} s${detail === '' ? '' : `: ${detail}`}`);
  }

  style(kind, text) {
    return this.colours ? `\u001b[${STYLE[kind]}m${text}\u001b[0m` : text;
  }

  /** What happens inside a step. */
  say(text) {
    for (const line of text.split('\n')) this.line(`            ${line}`);
  }
}
