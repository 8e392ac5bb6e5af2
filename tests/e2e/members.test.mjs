// More members than four: `node members.test.mjs` runs seven, CUSTODY_E2E_MEMBERS another number from 4 to 14.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { freshDirectory, quickstart, readSummary, TIME_SCALE } from './harness.mjs';
import { assertDepositScripts, assertPayouts } from './payout.mjs';
import { assertSummary } from './summary.mjs';

const COUNT = Number(process.env.CUSTODY_E2E_MEMBERS ?? '7');

test(`quickstart --members ${COUNT}`, async (t) => {
  const directory = freshDirectory(`${COUNT} members`);
  const run = await quickstart(['--members', String(COUNT), '--dir', directory, '--time-scale', TIME_SCALE], { watch: true });
  assert.equal(run.code, 0, run.stderr.slice(-3000));
  // Without --json the readable lines are on standard output.
  assert.match(run.stdout, new RegExp(`m = \\d+ of n = ${COUNT}; L = \\d+ .* allowed m: `));
  assert.match(run.stdout, /Done in .* Summary: /);
  assert.doesNotMatch(run.stdout, /\u001b/);
  const summary = readSummary(directory);
  t.diagnostic(`${summary.seconds} s`);
  assertSummary(summary, COUNT);
  assertDepositScripts(summary);
  assertPayouts(summary);
  assert.deepEqual(await run.leftOver(), []);
});
