// custodyctl as a program: run with --json, its answer parsed, its exit code taken seriously.
import { run } from './processes.mjs';
import { NotYet } from './steps.mjs';

const EXIT_UNREACHABLE = 3;

/** custodyctl refused (exit 1 or 2). */
export class Refused extends Error {
  constructor(command, error) {
    super(`custodyctl ${command}: ${error.message}${error.hint ? ` (${error.hint})` : ''}`);
    this.code = error.code;
  }
}

function parseAnswer(command, result) {
  let answer;
  try {
    answer = JSON.parse(result.stdout);
  } catch {
    const shown = (result.stderr.trim() || result.stdout.trim()).slice(-500);
    throw new Error(`custodyctl ${command} printed no JSON object (exit ${result.code ?? result.signal}): ${shown}`);
  }
  if (result.code === 0) {
    if (typeof answer.schema !== 'string') throw new Error(`custodyctl ${command} printed an object without "schema"`);
    return answer;
  }
  // A check that found something (policy lint, policy test) says it in `text`.
  const error = answer.error ?? { message: answer.text ?? `exit ${result.code}` };
  if (result.code === EXIT_UNREACHABLE) throw new NotYet(`custodyctl ${command}: ${error.message}`);
  throw new Refused(command, error);
}

export class Ctl {
  /** @param {{program: string, memberDir?: string, timeoutMs: number}} options */
  constructor({ program, memberDir, timeoutMs }) {
    this.program = program;
    this.memberDir = memberDir;
    this.timeoutMs = timeoutMs;
  }

  /** Runs a command; returns its JSON object. Throws Refused, or NotYet when the node cannot be reached. */
  async call(signal, ...args) {
    const member = this.memberDir === undefined ? [] : ['--member', this.memberDir];
    const result = await run(this.program, [...member, '--json', ...args], { signal, timeoutMs: this.timeoutMs });
    return parseAnswer(args.slice(0, 2).join(' '), result);
  }
}
