// How the driver reads custodyctl's answers, with a shell script in its place.
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { Ctl, Refused } from './ctl.mjs';
import { NotYet } from './steps.mjs';
import { writeSummary } from './summary.mjs';

const directory = mkdtempSync(path.join(tmpdir(), 'custody-ctl-'));
after(() => rmSync(directory, { recursive: true }));
const { signal } = new AbortController();

function ctl(script, memberDir) {
  const program = path.join(mkdtempSync(path.join(directory, 'program-')), 'custodyctl');
  writeFileSync(program, `#!/bin/sh\n${script}\n`, { mode: 0o755, flag: 'wx' });
  return new Ctl({ program, memberDir, timeoutMs: 10_000 });
}

test('the answer is the object on standard output; the member and --json come first', async () => {
  const echo = 'printf \'{"schema":"x/1","args":"%s"}\' "$*"';
  assert.equal((await ctl(echo, '/m 1').call(signal, 'status')).args, '--member /m 1 --json status');
  assert.equal((await ctl(echo).call(signal, 'genesis', '--kind', 'test')).args, '--json genesis --kind test');
});

test('a refusal has code, message and hint', async () => {
  const refusing = ctl('echo \'{"error":{"code":"overdraft","message":"too little","hint":"pay less"}}\'; exit 1');
  await assert.rejects(refusing.call(signal, 'transfer', 'send'), (error) => {
    assert.ok(error instanceof Refused);
    assert.equal(error.code, 'overdraft');
    assert.equal(error.message, 'custodyctl transfer send: too little (pay less)');
    return true;
  });
  await assert.rejects(ctl('echo "{}"; exit 2').call(signal, 'x'), Refused);
  const found = ctl('echo \'{"schema":"x/1","text":"a.toml: case b differs"}\'; exit 1');
  await assert.rejects(found.call(signal, 'policy', 'test'), { message: 'custodyctl policy test: a.toml: case b differs' });
});

test('a node that cannot be reached is asked again', async () => {
  await assert.rejects(ctl('echo \'{"error":{"message":"no node"}}\'; exit 3').call(signal, 'status'), NotYet);
});

test('anything that is no answer is an error that shows what came', async () => {
  await assert.rejects(ctl('echo "Segmentation fault" >&2; exit 139').call(signal, 'status'), /printed no JSON object \(exit 139\): Segmentation fault/);
  await assert.rejects(ctl('echo "{}"').call(signal, 'status'), /without "schema"/);
  await assert.rejects(ctl('kill -9 $$').call(signal, 'status'), /exit SIGKILL/);
});

test('the summary has the fields of the schema in its order, amounts as text, and replaces an older one whole', () => {
  const file = writeSummary(directory, { seconds: 1, ok: false, error: 'e', failed_step: 'chains', schema: 'custody.quickstart/1', redemption: { amount: 3n } });
  const text = readFileSync(file, 'utf8');
  assert.deepEqual(Object.keys(JSON.parse(text)), ['schema', 'ok', 'failed_step', 'error', 'redemption', 'seconds']);
  assert.equal(JSON.parse(text).redemption.amount, '3');
  assert.equal(statSync(file).mode & 0o777, 0o600);
  writeSummary(directory, { schema: 'custody.quickstart/1', ok: true });
  assert.deepEqual(JSON.parse(readFileSync(file, 'utf8')), { schema: 'custody.quickstart/1', ok: true });
  assert.ok(!existsSync(`${file}.new`));
});
