// deploy/install.sh and the bash entry, with doubles for apt-get and sudo: nothing is installed on this machine.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { firstDifference } from './npm/installed.mjs';

const DEPLOY = fileURLToPath(new URL('.', import.meta.url));
const directory = mkdtempSync(path.join(tmpdir(), 'custody-install-'));
after(() => rmSync(directory, { recursive: true }));

/** A clone with what install.sh needs, without node_modules. */
function makeClone(name) {
  const clone = path.join(directory, name);
  mkdirSync(path.join(clone, 'deploy', 'npm'), { recursive: true });
  cpSync(path.join(DEPLOY, 'install.sh'), path.join(clone, 'deploy', 'install.sh'));
  for (const file of ['package.json', 'package-lock.json', 'installed.mjs']) cpSync(path.join(DEPLOY, 'npm', file), path.join(clone, 'deploy', 'npm', file));
  return clone;
}

/** A PATH with the named commands of this machine, and doubles written here. */
function makePath(name, commands, doubles = {}) {
  const folder = path.join(directory, name);
  mkdirSync(folder);
  // A double must never be written through a link to the real command: commands with a double get no link, and 'wx' refuses whatever is there.
  for (const command of commands.filter((name) => !(name in doubles))) {
    const found = spawnSync('sh', ['-c', `command -v ${command}`], { encoding: 'utf8' }).stdout.trim();
    symlinkSync(found, path.join(folder, command));
  }
  for (const [command, script] of Object.entries(doubles)) {
    writeFileSync(path.join(folder, command), `#!/bin/bash\n${script}\n`, { mode: 0o755, flag: 'wx' });
  }
  return folder;
}

const TOOLS = ['bash', 'sh', 'sed', 'id', 'env', 'seq', 'sleep', 'mkdir', 'flock', 'dpkg-query', 'dirname', 'readlink', 'cat', 'tee', 'nproc'];

function sh(clone, script, env = {}) {
  return spawnSync('bash', ['-c', `set -u; CUSTODY_CLONE='${clone}'; . '${clone}/deploy/install.sh'; ${script}`], {
    encoding: 'utf8', env: { ...process.env, ...env }, timeout: 60_000,
  });
}

function writeList(clone, ...lines) {
  const list = path.join(clone, 'list.txt');
  writeFileSync(list, `${lines.join('\n')}\n`);
  return list;
}

test('a package list has a name a line and comments', () => {
  const clone = makeClone('list');
  const list = writeList(clone, '# build', 'bash', '', ' no-such-package-a  # why', 'no-such-package-b');
  assert.equal(sh(clone, `custody_listed_packages '${list}'`).stdout, 'bash\nno-such-package-a\nno-such-package-b\n');
  assert.equal(sh(clone, `custody_missing_packages '${list}'`).stdout, 'no-such-package-a\nno-such-package-b\n');
});

test('--no-install: what is missing is named, exit 3, and nothing is changed', () => {
  const clone = makeClone('missing');
  const list = writeList(clone, 'no-such-package-a');
  const before = readdirSync(clone, { recursive: true }).sort();
  const result = sh(clone, `CUSTODY_NO_INSTALL=1; need_all '${list}'; echo not reached`);
  assert.equal(result.status, 3);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /no-such-package-a/);
  assert.match(result.stderr, /deploy\/npm\/node_modules/);
  assert.deepEqual(readdirSync(clone, { recursive: true }).sort(), before);
});

test('node and npm are looked for as commands, not as packages', () => {
  const clone = makeClone('commands');
  const list = writeList(clone);
  const without = makePath('path-without-node', TOOLS);
  assert.equal(sh(clone, `PATH='${without}'; custody_missing_packages '${list}'`).stdout, 'nodejs\nnpm\n');
  const with_ = makePath('path-with-node', TOOLS, { node: 'exit 0', npm: 'exit 0' });
  assert.equal(sh(clone, `PATH='${with_}'; custody_missing_packages '${list}'`).stdout, '');
});

test('packages are installed by one apt-get that waits for the lock, after an update that is tried again while another apt runs', () => {
  const clone = makeClone('apt');
  const list = writeList(clone, 'no-such-package-a', 'no-such-package-b');
  const calls = path.join(clone, 'calls');
  const commands = makePath('path-apt', TOOLS, {
    node: 'exit 0',
    npm: 'exit 0',
    sudo: 'exec "$@"',
    sleep: 'exit 0',
    'apt-get': `echo "$DEBIAN_FRONTEND $*" >> '${calls}'
      case "$*" in *update*) if [ ! -e '${clone}/busy' ]; then : > '${clone}/busy'; echo 'E: Could not get lock /var/lib/apt/lists/lock'; exit 100; fi ;; esac`,
  });
  const result = sh(clone, `PATH='${commands}'; need_packages '${list}'`);
  assert.equal(result.status, 0, result.stderr);
  assert.match(result.stderr, /installing Debian packages: no-such-package-a no-such-package-b/);
  const options = '-q -y -o DPkg::Lock::Timeout=300 -o Acquire::Retries=3';
  assert.deepEqual(readFileSync(calls, 'utf8').trim().split('\n'), [
    `noninteractive ${options} update`,
    `noninteractive ${options} update`,
    `noninteractive ${options} install --no-install-recommends -- no-such-package-a no-such-package-b`,
  ]);
});

test('without root and sudo the missing packages are named, with the command to install them', () => {
  const clone = makeClone('no-root');
  const list = writeList(clone, 'no-such-package-a', 'no-such-package-b');
  const commands = makePath('path-no-root', TOOLS, { node: 'exit 0', npm: 'exit 0', id: 'echo 1000', 'apt-get': 'echo not reached' });
  const result = sh(clone, `PATH='${commands}'; need_packages '${list}'; echo not reached`);
  assert.equal(result.status, 1);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /root or sudo; as root run: apt-get install --no-install-recommends no-such-package-a no-such-package-b\n$/);
});

test('ccache is used as the user has it, and gets no place outside the clone otherwise', () => {
  const clone = makeClone('ccache');
  const home = path.join(directory, 'home');
  mkdirSync(home);
  const chosen = (env) => sh(clone, 'custody_keep_ccache_inside; printf %s "${CCACHE_DIR:-as it was}"', { HOME: home, CCACHE_DIR: '', XDG_CACHE_HOME: '', XDG_CONFIG_HOME: '', ...env }).stdout;
  assert.equal(chosen({}), path.join(clone, 'build', 'ccache'));
  assert.equal(chosen({ CCACHE_DIR: '/somewhere' }), '/somewhere');
  mkdirSync(path.join(home, '.cache', 'ccache'), { recursive: true });
  assert.equal(chosen({}), 'as it was');
});

test('a failing apt-get ends the run with its messages', () => {
  const clone = makeClone('apt-fails');
  const list = writeList(clone, 'no-such-package-a');
  const commands = makePath('path-apt-fails', TOOLS, { node: 'exit 0', npm: 'exit 0', sudo: 'exec "$@"', 'apt-get': 'echo "E: no network"; exit 100' });
  const result = sh(clone, `PATH='${commands}'; need_packages '${list}'; echo not reached`);
  assert.equal(result.status, 1);
  assert.equal(result.stdout, '');
  assert.match(result.stderr, /E: no network[^]*apt-get update failed/);
});

test('npm packages are installed once, without scripts, and only when they differ from the lockfile', () => {
  const clone = makeClone('npm');
  const calls = path.join(clone, 'calls');
  const modules = path.join(clone, 'deploy', 'npm', 'node_modules');
  const commands = makePath('path-npm', [...TOOLS, 'node'], { npm: `echo "$*" >> '${calls}'; mkdir -p node_modules` });
  assert.equal(sh(clone, `PATH='${commands}'; need_npm`).status, 0);
  assert.equal(readFileSync(calls, 'utf8'), 'ci --ignore-scripts --no-audit --no-fund\n');
  rmSync(modules, { recursive: true });
  symlinkSync(path.join(DEPLOY, 'npm', 'node_modules'), modules);
  assert.equal(sh(clone, `PATH='${commands}'; need_npm`).status, 0);
  assert.equal(readFileSync(calls, 'utf8'), 'ci --ignore-scripts --no-audit --no-fund\n');
});

test('the installed state is compared package by package', () => {
  const folder = path.join(directory, 'state');
  const write = (name, packages) => {
    mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    writeFileSync(path.join(folder, name), JSON.stringify({ packages }));
  };
  const hidden = 'node_modules/.package-lock.json';
  const a = { version: '1.0.0', integrity: 'sha512-a' };
  assert.match(firstDifference(folder), /package-lock\.json cannot be read/);
  write('package-lock.json', { '': {}, 'node_modules/a': a, 'node_modules/mac-only': { version: '1.0.0', optional: true } });
  assert.match(firstDifference(folder), /node_modules is missing/);
  write(hidden, {});
  assert.match(firstDifference(folder), /node_modules\/a is not 1\.0\.0/);
  write(hidden, { 'node_modules/a': { ...a, integrity: 'sha512-b' } });
  assert.match(firstDifference(folder), /node_modules\/a is not 1\.0\.0/);
  write(hidden, { 'node_modules/a': a });
  assert.match(firstDifference(folder), /node_modules\/a is missing/);
  write('node_modules/a/package.json', {});
  assert.equal(firstDifference(folder), undefined);
  write(hidden, { 'node_modules/a': a, 'node_modules/b': a });
  assert.match(firstDifference(folder), /node_modules\/b is not in the lockfile/);
  assert.equal(firstDifference(path.join(DEPLOY, 'npm')), undefined);
});

test('one build at a time in a clone; who waits says so; what a build leaves running does not keep the lock', async () => {
  const clone = makeClone('lock');
  const source = `set -u; CUSTODY_CLONE='${clone}'; . '${clone}/deploy/install.sh';`;
  const first = spawn('bash', ['-c', `${source} with_build_lock bash -c 'sleep 600 >/dev/null 2>&1 & echo $! > "${clone}/left"; echo locked; read -r line'`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve) => { first.stdout.once('data', resolve); });
  const second = spawn('bash', ['-c', `${source} with_build_lock echo mine`], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  second.stdout.on('data', (text) => { output += text; });
  const said = await new Promise((resolve) => { second.stderr.once('data', (text) => resolve(String(text))); });
  assert.match(said, /waiting for another build/);
  assert.equal(output, '');
  first.stdin.end('go\n');
  await new Promise((resolve) => { second.once('close', resolve); });
  process.kill(Number(readFileSync(path.join(clone, 'left'), 'utf8')), 'SIGKILL');
  assert.equal(output, 'mine\n');
});

test('the status of a locked command is passed on', () => {
  assert.equal(sh(makeClone('status'), 'with_build_lock sh -c "exit 7"; exit $?').status, 7);
});

test('quickstart: help and usage errors come at once, from any directory, through a link, with nothing installed or built', () => {
  const link = path.join(directory, 'a link to it');
  symlinkSync(path.join(DEPLOY, 'quickstart'), link);
  const call = (...args) => spawnSync(link, args, { encoding: 'utf8', cwd: '/', timeout: 60_000 });
  const help = call('--help');
  assert.equal(help.status, 0);
  assert.match(help.stdout, /^usage: deploy\/quickstart/);
  const wrong = call('--members', '99');
  assert.equal(wrong.status, 2);
  assert.equal(wrong.stdout, '');
  assert.match(wrong.stderr, /--members must be 4 to 14/);
});

test('every package of the list has a name that Debian allows, once', () => {
  const names = sh(path.dirname(DEPLOY.replace(/\/$/, '')), `custody_listed_packages '${DEPLOY}packages.txt'`).stdout.trim().split('\n');
  assert.ok(names.length > 10 && names.every((name) => /^[a-z0-9][a-z0-9+.-]+$/.test(name)));
  assert.equal(new Set(names).size, names.length);
  assert.ok(existsSync(path.join(DEPLOY, 'install.sh')) && !names.includes('nodejs') && !names.includes('npm'));
});
