import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { parseArguments, UsageError } from './args.mjs';

const directory = mkdtempSync(path.join(tmpdir(), 'custody-args-'));
after(() => rmSync(directory, { recursive: true }));
const parse = (...argv) => parseArguments(argv, path.join(directory, 'default'));

test('defaults', () => {
  assert.deepEqual(parse(), {
    members: 4, keep: false, dir: path.join(directory, 'default'), json: false, timeScale: 1, until: undefined, bitcoin: undefined,
  });
});

test('every option is understood', () => {
  const password = path.join(directory, 'password');
  writeFileSync(password, 'secret\n');
  const args = parse('--members', '14', '--keep', '--dir', path.join(directory, 'new'), '--json', '--no-install', '--time-scale', '2.5', '--until', 'swap',
    '--bitcoin-rpc', 'http://127.0.0.1:18443/', '--bitcoin-rpc-user', 'u', '--bitcoin-rpc-password-file', password);
  assert.deepEqual(args, {
    members: 14, keep: true, dir: path.join(directory, 'new'), json: true, timeScale: 2.5, until: 'swap',
    bitcoin: { url: 'http://127.0.0.1:18443/', user: 'u', passwordFile: password },
  });
});

test('wrong arguments are usage errors', () => {
  const used = path.join(directory, 'used');
  rmSync(used, { recursive: true, force: true });
  const file = path.join(directory, 'file');
  writeFileSync(file, '');
  const wrong = [
    ['--members', '3'], ['--members', '15'], ['--members', 'four'], ['--members', '4.5'], ['--members'],
    ['--time-scale', '0'], ['--time-scale', 'x'], ['--time-scale', ''], ['--until', 'lunch'], ['--dir', ''], ['--dir', directory], ['--dir', file],
    ['--bitcoin-rpc', 'http://127.0.0.1:1/'], ['--bitcoin-rpc-user', 'u'],
    ['--bitcoin-rpc', 'http://u:p@127.0.0.1:1/', '--bitcoin-rpc-user', 'u', '--bitcoin-rpc-password-file', file],
    ['--bitcoin-rpc', 'http://127.0.0.1:1/', '--bitcoin-rpc-user', 'u', '--bitcoin-rpc-password-file', path.join(directory, 'none')],
    ['--unknown'], ['surplus'],
  ];
  for (const argv of wrong) assert.throws(() => parse(...argv), UsageError, argv.join(' '));
});
