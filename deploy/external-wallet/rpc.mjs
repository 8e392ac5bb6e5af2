// JSON-RPC client for a Bitcoin-family node: the part that bcoin and Bitcoin Core share.
import { readFileSync } from 'node:fs';
import http from 'node:http';

const MAX_ANSWER_BYTES = 32 * 1024 * 1024; // a block of 4 MB in hex, with room
const MAX_REFUSAL_CHARACTERS = 300;

/** The node answered, and its answer is a refusal. `code` is the node's own. */
export class RpcError extends Error {
  constructor(method, code, message) {
    super(`${method}: ${message} (code ${code})`);
    this.name = 'RpcError';
    this.method = method;
    this.code = code;
    this.reason = message;
  }
}

/** The node could not be asked, or what came back is no JSON-RPC answer. */
export class RpcUnreachable extends Error {
  constructor(message) {
    super(message);
    this.name = 'RpcUnreachable';
  }
}

/** Reads a password file: the first line, without its end. */
export function readPasswordFile(file) {
  return readFileSync(file, 'utf8').split(/\r?\n/, 1)[0];
}

export class Rpc {
  /** @param {{url: string, user?: string, password: string, timeoutMs?: number}} options; url is http://HOST:PORT/ */
  constructor({ url, user = 'x', password, timeoutMs = 30_000 }) {
    let parsed;
    try {
      parsed = new URL(url);
    } catch {
      throw new RpcUnreachable(`${url} is not a URL`);
    }
    if (parsed.protocol !== 'http:') throw new RpcUnreachable(`${url}: only http:// (on this machine) is possible`);
    if (parsed.username !== '' || parsed.password !== '') {
      throw new RpcUnreachable('the RPC URL must not hold a user or a password: use the options for them');
    }
    this.url = parsed.href;
    this.timeoutMs = timeoutMs;
    this.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    // A connection per call: one that is kept may be closed by the node just as it is used again.
    this.agent = new http.Agent({ keepAlive: false, maxSockets: 8 });
    this.nextId = 1;
  }

  /** Calls a method; throws RpcError or RpcUnreachable. */
  async call(method, ...params) {
    const id = this.nextId++;
    const body = Buffer.from(JSON.stringify({ jsonrpc: '1.0', id, method, params }));
    const { status, text } = await this.post(method, body);
    if (status === 401 || status === 403) {
      throw new RpcUnreachable(`${this.url} refuses the user or the password (HTTP ${status})`);
    }
    let answer;
    try {
      answer = JSON.parse(text);
    } catch {
      throw new RpcUnreachable(`${this.url} answers ${method} with HTTP ${status} and no JSON`);
    }
    if (answer === null || typeof answer !== 'object' || !('result' in answer || 'error' in answer)) {
      throw new RpcUnreachable(`${this.url} answers ${method} with HTTP ${status} and no JSON-RPC answer`);
    }
    if (answer.error !== null && answer.error !== undefined) {
      throw new RpcError(method, answer.error.code, String(answer.error.message).slice(0, MAX_REFUSAL_CHARACTERS));
    }
    if (answer.id !== id) throw new RpcUnreachable(`${this.url} answers ${method} with another request's id`);
    return answer.result;
  }

  post(method, body) {
    return new Promise((resolve, reject) => {
      const fail = (what) => reject(new RpcUnreachable(`${this.url}: ${method}: ${what}`));
      const request = http.request(this.url, {
        method: 'POST',
        agent: this.agent,
        timeout: this.timeoutMs,
        headers: { 'Content-Type': 'application/json', 'Content-Length': body.length, Authorization: this.authorization },
      });
      request.on('timeout', () => request.destroy(new Error(`no answer within ${this.timeoutMs} ms`)));
      request.on('error', (error) => fail(error.message || error.code));
      request.on('response', (response) => {
        const parts = [];
        let size = 0;
        response.on('data', (part) => {
          size += part.length;
          if (size > MAX_ANSWER_BYTES) request.destroy(new Error(`the answer is larger than ${MAX_ANSWER_BYTES} bytes`));
          else parts.push(part);
        });
        response.on('error', (error) => fail(error.message));
        response.on('end', () => resolve({ status: response.statusCode, text: Buffer.concat(parts).toString('utf8') }));
      });
      request.end(body);
    });
  }

  /** Closes idle connections. */
  close() {
    this.agent.destroy();
  }
}
