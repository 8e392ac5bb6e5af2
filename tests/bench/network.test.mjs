// The measures of a whole network, on whatever build BENCH_BIN holds: it founds four members, gives them work, and prints one line.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import path from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';

const bin = process.env.BENCH_BIN;

test('commit_latency_p50 prints its figure beside its limit', { skip: bin ? false : 'needs BENCH_BIN' }, () => {
  const script = fileURLToPath(new URL('network.mjs', import.meta.url));
  const directory = path.join(bin, '..', 'bench-network');
  const run = spawnSync(process.execPath, [script, bin, directory, 'commit_latency_p50'], { encoding: 'utf8', maxBuffer: 1 << 24 });
  assert.equal(run.status, 0, run.stderr.slice(-3000));
  const lines = run.stdout.trimEnd().split('\n');
  assert.equal(lines.length, 1);
  const { name, unit, limit_name: limitName, runs, value, limit } = JSON.parse(lines[0]);
  assert.deepEqual({ name, unit, limitName, runs }, { name: 'commit_latency_p50', unit: 'ms', limitName: 'three_signatures', runs: 7 });
  assert.ok(value > 0 && limit > 0);
});
