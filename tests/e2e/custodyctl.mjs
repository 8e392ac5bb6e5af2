// custodyctl as its users run it, against the network that a quickstart keeps running.
import assert from 'node:assert/strict';
import { execFile, spawn } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { knownParamsFile, readParams } from '../../deploy/chains/params.mjs';
import { ExternalWallet } from '../../deploy/external-wallet/external_wallet.mjs';
import { CLONE } from './harness.mjs';
import { assertPsbt } from './payout.mjs';

const PROGRAM = path.join(CLONE, 'build', 'release', 'bin', 'custodyctl');
const COMMANDS = [
  'genesis', 'keys', 'status', 'account', 'transfer', 'burn', 'gateway', 'deposit-address', 'withdrawals', 'reserves', 'block', 'tx', 'watch', 'members', 'policy', 'requests',
];
const POLL_MS = 100;
const WAIT_MS = 60_000;
const H64 = /^[0-9a-f]{64}$/;

/** Runs custodyctl: {code, stdout, stderr}. */
function run(args, env = {}) {
  return new Promise((resolve) => {
    execFile(PROGRAM, args, { env: { ...process.env, ...env }, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : error.code, stdout, stderr });
    });
  });
}

/** Registers the tests. `network()` gives {directory, endpoints, summary} of the running network. */
export function testCustodyctl(network) {
  const memberDir = (index = 1) => network().endpoints.members[`member-${index}`].dir;
  const scratch = (name) => path.join(network().directory, 'e2e', name);
  const person = (name) => {
    const folder = path.join(network().directory, 'people', name);
    return ['--key', path.join(folder, 'key.json'), '--password-file', path.join(folder, 'password')];
  };

  /** The answer of a command that must succeed, from the node of member-1 or another. */
  async function ask(args, index = 1) {
    const { code, stdout, stderr } = await run(['--member', memberDir(index), '--json', ...args]);
    assert.equal(code, 0, `${args.join(' ')}: ${stdout}${stderr}`);
    assert.equal(stdout.trimEnd().split('\n').length, 1, 'one object');
    const answer = JSON.parse(stdout);
    assert.match(answer.schema, /^custody\.[a-z_]+\/\d+$/);
    return answer;
  }

  /** The error of a command that must fail with `code`. */
  async function refused(code, args, { member = memberDir(), env } = {}) {
    const result = await run([...(member === null ? [] : ['--member', member]), '--json', ...args], env);
    assert.equal(result.code, code, `${args.join(' ')}: ${result.stdout}${result.stderr}`);
    const answer = JSON.parse(result.stdout);
    assert.deepEqual(Object.keys(answer), ['error']);
    assert.deepEqual(Object.keys(answer.error), ['code', 'message', 'hint']);
    assert.notEqual(answer.error.message, '');
    return answer.error;
  }

  const addressOf = async (name) => (await ask(['keys', 'show', ...person(name).slice(0, 2)])).address;

  /** Builds a transfer of `arguments_` and lets `names` sign it one after the other; returns the last file. */
  async function signed(label, arguments_, ...names) {
    mkdirSync(scratch(''), { recursive: true });
    let file = scratch(`${label}.json`);
    await ask(['transfer', 'build', ...arguments_, '--out', file]);
    for (const name of names) {
      const next = scratch(`${label}-${name}.json`);
      await ask(['transfer', 'sign', file, ...person(name), '--out', next]);
      file = next;
    }
    return file;
  }

  async function until(what, probe) {
    for (const end = Date.now() + WAIT_MS; Date.now() < end; await sleep(POLL_MS)) {
      const found = await probe();
      if (found !== undefined) return found;
    }
    throw new Error(`no ${what} within ${WAIT_MS} ms`);
  }

  test('--help names every command, and every command explains itself and all of its options', async () => {
    const { code, stdout } = await run(['--help']);
    assert.equal(code, 0);
    for (const name of COMMANDS) assert.match(stdout, new RegExp(`^  ${name} +\\S`, 'm'));
    assert.match(stdout, /Exit codes: 0 done, 1 refused, 2 usage, 3/);
    const visit = async (words) => {
      const help = await run([...words, '--help']);
      assert.equal(help.code, 0, words.join(' '));
      for (const line of help.stdout.split('\n').filter((text) => /^ +-/.test(text))) {
        assert.match(line, /^ +(-h,)?--[a-z-]+( (TEXT|UINT))?( \.\.\.)?( REQUIRED)? +[a-zA-Z0-9]/, `${words.join(' ')}: an option without words: ${line}`);
      }
      const [, subcommands = ''] = help.stdout.split('Subcommands:\n');
      for (const [, name] of subcommands.matchAll(/^  ([a-z-]+) +\S/gm)) await visit([...words, name]);
    };
    await visit([]);
  });

  test('finds its node by --member or CUSTODY_MEMBER, and says so when it has neither', async () => {
    const { stdout, code } = await run(['--json', 'status'], { CUSTODY_MEMBER: memberDir(2) });
    assert.equal(code, 0);
    assert.equal(JSON.parse(stdout).member, 'member-2');
    assert.equal((await ask(['status'], 3)).member, 'member-3');
    const error = await refused(2, ['status'], { member: null, env: { CUSTODY_MEMBER: '' } });
    assert.match(error.hint, /--member DIR or set CUSTODY_MEMBER/);
  });

  test('exit 3 when there is no node', async () => {
    const error = await refused(3, ['status'], { member: path.join(network().directory, 'people') });
    assert.equal(error.code, 'unavailable');
    assert.match(error.hint, /custody-noded/);
  });

  test('exit 2 for usage: no command, an unknown command or option, a missing or malformed value; the error names it', async () => {
    for (const [args, pattern] of [
      [[], /command/], [['frobnicate'], /frobnicate/], [['transfer'], /command/], [['transfer', 'frobnicate'], /frobnicate/], [['status', '--frobnicate'], /--frobnicate/],
      [['withdrawals', 'export', '--currency', 'BTC'], /--slot/], [['withdrawals', 'export', '--currency', 'BTC', '--slot', 'x'], /slot/],
      [['transfer', 'build', '--out', scratch('none.json')], /--from/],
      [['transfer', 'build', '--from', await addressOf('alice'), '--to', await addressOf('bob'), '--amount', '1e3', '--currency', 'BTC', '--out', scratch('none.json')], /1e3/],
    ]) {
      const error = await refused(2, args);
      assert.match(error.message, pattern, args.join(' '));
    }
    assert.ok(!existsSync(scratch('none.json')));
    const { code, stdout, stderr } = await run(['frobnicate']);
    assert.deepEqual([code, stdout], [2, '']);
    assert.match(stderr, /^custodyctl: .*frobnicate/);
  });

  test('what the node refuses is exit 1 with a code and a hint', async () => {
    for (const [args, message] of [
      [['account', 'nobody'], /nobody/], [['block', '99999999'], /99999999/], [['block', 'first'], /number or latest/], [['tx', '00'.repeat(32)], /not known/],
      [['deposit-address', '--gateway', 'nobody', '--currency', 'BTC'], /nobody/], [['deposit-address', '--gateway', 'gary', '--currency', 'XYZ'], /XYZ/],
      [['withdrawals', 'show', '00'.repeat(32)], /no redemption/], [['withdrawals', 'export', '--currency', 'BTC', '--slot', '99'], /slot 99/],
    ]) {
      const error = await refused(1, args);
      assert.match(error.message, message);
      assert.notEqual(error.hint, '', `a hint for ${args.join(' ')}`);
    }
  });

  test('genesis makes the same network from the same public parts, and refuses weights that no m fits', async () => {
    const { directory, summary } = network();
    const make = (out, weights, ...more) => [
      'genesis', '--kind', 'test', '--prefix', 'tcaas', '--members', ...summary.members.map(({ name }) => path.join(directory, name, 'public.json')),
      '--weights', weights, '--chains', path.join(directory, 'chains.json'), '--out', out, '--time', '1700000000000', ...more,
    ];
    mkdirSync(scratch(''), { recursive: true });
    const first = await ask(make(scratch('genesis-1.bin'), '28,26,24,22'));
    const second = await ask(make(scratch('genesis-2.bin'), '28,26,24,22'));
    assert.equal(first.chain_id, second.chain_id);
    assert.notEqual(first.chain_id, summary.chain_id, 'another time, another network');
    assert.deepEqual([first.m, first.n, first.L, first.allowed_m, first.total_weight, first.quorum_weight], [3, 4, 1, [3], 100, 67]);
    assert.deepEqual(readFileSync(scratch('genesis-1.bin')), readFileSync(scratch('genesis-2.bin')));
    await refused(2, make(scratch('genesis-3.bin'), '40,20,20,20'));
    await refused(2, make(scratch('genesis-3.bin'), '28,26,24'));
    await refused(2, make(scratch('genesis-3.bin'), '28,26,24,22', '--threshold', '2'));
    assert.ok(!existsSync(scratch('genesis-3.bin')));
  });

  test('keys are encrypted files of their owner that open with the password only', async () => {
    mkdirSync(scratch(''), { recursive: true });
    const file = scratch('carol.json');
    const password = scratch('carol.password');
    writeFileSync(password, 'correct horse\n', { mode: 0o600 });
    // Nothing is left behind when the node that knows the prefix is not there.
    await refused(3, ['keys', 'new', '--out', file, '--password-file', password], { member: path.join(network().directory, 'people') });
    assert.ok(!existsSync(file));
    const made = await ask(['keys', 'new', '--out', file, '--password-file', password]);
    assert.match(made.address, /^tcaas1/);
    assert.deepEqual(await ask(['keys', 'show', '--key', file]), made);
    assert.equal(statSync(file).mode & 0o777, 0o600);
    const stored = JSON.parse(readFileSync(file, 'utf8'));
    assert.deepEqual(Object.keys(stored).sort(), ['public_key', 'schema', 'sealed']);
    const again = await refused(1, ['keys', 'new', '--out', file, '--password-file', password]);
    assert.equal(again.code, 'exists');
    const unsigned = await signed('from-alice', ['--from', await addressOf('alice'), '--to', made.address, '--amount', '0.1', '--currency', 'BTC']);
    const wrong = await refused(1, ['transfer', 'sign', unsigned, ...person('alice').slice(0, 2), '--password-file', password, '--out', scratch('wrong.json')]);
    assert.match(wrong.message, /wrong password/);
    assert.ok(!existsSync(scratch('wrong.json')));
  });

  test('account, reserves, block and tx agree with the summary', async () => {
    const { summary } = network();
    const reserves = await ask(['reserves']);
    for (const [code, figures] of Object.entries(summary.currencies)) {
      assert.equal(reserves.currencies[code].recorded_reserve, figures.recorded_reserve);
      assert.equal(reserves.currencies[code].equation_holds, true);
    }
    for (const account of ['treasury', 'fee_pool', 'member-1', await addressOf('bob')]) {
      assert.deepEqual(Object.keys((await ask(['account', account])).balances), ['BTC', 'LTC']);
    }
    const common = await ask(['block', String(summary.common_height)], 4);
    assert.equal(common.hash, summary.members[0].block_hash);
    assert.equal(common.state_root, summary.members[0].state_root);
    assert.ok((await ask(['block'])).height >= summary.common_height);
    const swap = await ask(['tx', summary.swap]);
    assert.equal(swap.kind, 'transfer');
    assert.ok((await ask(['block', String(swap.height)])).transactions.includes(summary.swap));
    for (const [id, kind] of [[summary.redemption.burn, 'burn'], [summary.redemption.settlement, 'settlement'], [summary.deposits[0].mint, 'mint_approval']]) {
      assert.equal((await ask(['tx', id], 2)).kind, kind);
    }
    assert.equal((await ask(['tx', summary.bob_withdrawal.payment])).memo, summary.bob_withdrawal.identifier);
    const first = await ask(['block', String(summary.restart.first_signed_height)]);
    assert.ok(first.commit.signed_by.includes(summary.restart.member));
  });

  test('deposit-address and deposits are those of the summary', async () => {
    const { deposits } = network().summary;
    const listed = (await ask(['deposits'])).deposits;
    for (const deposit of deposits) {
      const shown = await ask(['deposit-address', '--gateway', 'gary', '--currency', deposit.currency]);
      assert.equal(shown.address, deposit.address);
      assert.equal(shown.witness_script, deposit.witness_script);
      assert.equal(listed.find(({ outpoint }) => outpoint === deposit.outpoint).mint, deposit.mint);
    }
  });

  test('a transfer is built, shown, signed by each party on its own copy, combined and sent, once', async () => {
    const [alice, bob] = [await addressOf('alice'), await addressOf('bob')];
    const before = await ask(['account', bob]);
    const file = await signed('swap', [
      '--input', `${alice}:BTC:0.25`, '--input', `${bob}:LTC:2`, '--output', `${bob}:BTC:0.25`, '--output', `${alice}:LTC:2`, '--fee-from', `${alice}:BTC`,
      '--memo', 'c0ffee',
    ]);
    for (const name of ['alice', 'bob']) await ask(['transfer', 'sign', file, ...person(name), '--out', scratch(`swap-by-${name}.json`)]);
    const half = await ask(['transfer', 'show', scratch('swap-by-alice.json')]);
    assert.deepEqual([half.signed_by, half.still_to_sign, half.memo], [[alice], [bob], 'c0ffee']);
    await refused(1, ['transfer', 'sign', file, ...person('bob'), '--tx', '0'.repeat(64), '--out', scratch('another.json')]);
    await ask(['transfer', 'sign', file, ...person('bob'), '--tx', half.tx, '--out', scratch('shown.json')]);
    assert.match((await refused(1, ['transfer', 'send', scratch('swap-by-alice.json')])).message, /signature of account .* is missing/);
    assert.match((await refused(1, ['transfer', 'sign', file, ...person('gary'), '--out', scratch('none.json')])).hint, /transfer show/);
    await ask(['transfer', 'combine', scratch('swap-by-alice.json'), scratch('swap-by-bob.json'), '--out', scratch('swap-by-both.json')]);
    assert.deepEqual((await ask(['transfer', 'show', scratch('swap-by-both.json')])).still_to_sign, []);
    const sent = await ask(['transfer', 'send', scratch('swap-by-both.json'), '--wait']);
    assert.match(sent.tx, H64);
    assert.deepEqual(await ask(['transfer', 'send', scratch('swap-by-both.json'), '--wait']), sent, 'sent again: the same transaction in the same block');
    const after = await ask(['account', bob]);
    assert.equal(BigInt(after.balances.BTC) - BigInt(before.balances.BTC), 25_000_000n);
    assert.equal(BigInt(after.balances.LTC) - BigInt(before.balances.LTC), -200_000_000n);
    const forged = JSON.parse(readFileSync(scratch('swap-by-both.json'), 'utf8'));
    forged.signatures[0].signature = forged.signatures[1].signature;
    writeFileSync(scratch('forged.json'), JSON.stringify(forged));
    assert.match((await refused(2, ['transfer', 'send', scratch('forged.json')])).message, /does not verify/);
  });

  test('an overdraft is refused and changes nothing', async () => {
    const [alice, bob] = [await addressOf('alice'), await addressOf('bob')];
    const before = await ask(['account', alice]);
    const file = await signed('overdraft', ['--from', alice, '--to', bob, '--amount', '1000', '--currency', 'LTC'], 'alice');
    assert.match((await refused(1, ['transfer', 'send', file, '--wait'])).message, /overdraft/);
    assert.deepEqual((await ask(['account', alice])).balances, before.balances);
  });

  /** The ballot of member-2, for which its officer tom asks with his key: carol's key is not his. */
  async function assertAskedByTom(proposal) {
    const secret = (file) => path.join(memberDir(2), 'secrets', file);
    const vote = (key) => [
      'gateway', 'vote', '--proposal', proposal, '--approve', '--wait', '--officer', 'tom', '--officer-key', secret(`officer-${key}.json`),
      '--password-file', secret(`officer-${key}.password`),
    ];
    assert.match((await refused(1, vote('carol'), { member: memberDir(2) })).message, /signature of officer tom is wrong/);
    const { rendering } = await ask(vote('tom'), 2);
    assert.ok(rendering.startsWith('CAASIOPE ASK v1\n') && rendering.includes(`\nproposal  ${proposal}\n`), rendering);
    const subject = /^subject {3}([0-9a-f]{64})$/m.exec(rendering)[1];
    const why = await ask(['policy', 'explain', subject], 2);
    assert.deepEqual([why.outcome, why.initiator, why.parts[0].principal], ['ALLOW', 'tom', 'Officer::"tom"']);
  }

  test('gateway: a second one is proposed, voted and listed, once for an officer who asks; a name is given once', async () => {
    await refused(1, ['gateway', 'propose', '--name', 'gary', '--account', await addressOf('bob'), '--kyc-expiry', '2031-01-01']);
    const { proposal } = await ask(['gateway', 'propose', '--name', 'second', '--account', await addressOf('bob'), '--kyc-expiry', '2031-05-01', '--wait']);
    for (const index of [1, 2, 3]) {
      await until('proposal', async () => (await ask(['gateway', 'list'], index)).proposals.find((item) => item.proposal === proposal));
      if (index === 2) {
        await assertAskedByTom(proposal);
      } else {
        await ask(['gateway', 'vote', '--proposal', proposal, '--approve', '--wait'], index);
      }
    }
    const registered = await until('gateway', async () => (await ask(['gateway', 'list'])).gateways.find(({ name }) => name === 'second'));
    assert.deepEqual([registered.account, registered.kyc_expiry], [await addressOf('bob'), '2031-05-01']);
    await refused(1, ['gateway', 'vote', '--proposal', proposal, '--approve']);
  });

  test('withdrawals export: bitcoinjs-lib verifies and finalises the PSBT of the redemption, byte for byte the payout on the chain', async () => {
    const { summary } = network();
    const { withdrawals } = await ask(['withdrawals', '--currency', 'BTC']);
    const ours = withdrawals.find(({ burn }) => burn === summary.redemption.burn);
    assert.deepEqual(await ask(['withdrawals', 'show', summary.redemption.burn]), { schema: 'custody.withdrawals/1', withdrawals: [ours] });
    assert.deepEqual([ours.status, ours.txid, ours.anchor, ours.fee, ours.address], [
      'settled', summary.redemption.txid, summary.redemption.anchor, summary.redemption.fee, summary.redemption.address,
    ]);
    mkdirSync(scratch(''), { recursive: true });
    const exported = await ask(['withdrawals', 'export', '--currency', 'BTC', '--slot', String(ours.slot), '--raw', '--out', scratch('payout.psbt')]);
    assert.equal(readFileSync(scratch('payout.psbt'), 'utf8'), `${exported.psbt}\n`);
    assert.equal(exported.raw, summary.redemption.raw);
    assert.equal(exported.signatures, summary.params.m);
    assert.deepEqual([...exported.signed_by].sort(), summary.redemption.signed_by.map(({ member }) => member).sort());
    assertPsbt(exported.psbt, summary);
  });

  test('members: what each has attested on the ledger is what its signer decides by, and who is shown salt and policy can check it', async () => {
    const { summary } = network();
    const attested = async () => (await ask(['members'])).members;
    const listed = await until('attestation of every member', async () => ((await attested()).every(({ policy }) => policy !== null) ? attested() : undefined));
    assert.deepEqual(listed.map(({ name, weight }) => ({ name, weight })), summary.members.map(({ name, weight }) => ({ name, weight })));
    assert.equal(new Set(listed.map(({ policy }) => policy.salted_hash)).size, listed.length);
    const check = (index, salt) => ['policy', 'check-attestation', '--bundle', path.join(memberDir(index), 'policy'), '--salt', salt];
    for (const [place, { policy }] of listed.entries()) {
      const said = await ask(['policy', 'attestation'], place + 1);
      assert.deepEqual([policy.version, policy.salted_hash], [said.version, said.salted_hash]);
      assert.equal(said.hash, summary.policy.members[place].bundle);
      assert.ok(policy.height > 0 && policy.height <= (await ask(['status'])).height);
      // By the ledger of another member's node.
      assert.equal((await ask(check(place + 1, said.salt), place === 0 ? 2 : 1)).matches, true);
    }
    const wrong = await run(['--member', memberDir(), '--json', ...check(1, '0'.repeat(64))]);
    assert.deepEqual([wrong.code, JSON.parse(wrong.stdout).matches], [1, false]);
    await refused(2, check(1, 'salt'));
  });

  test('policy: each signer decides by the bundle that was bound; who denied says so still, and another member would have said it too', async () => {
    const { summary: { policy, first_redemption: first } } = network();
    for (const [index, { bundle }] of policy.members.entries()) {
      const { active } = await ask(['policy', 'history'], index + 1);
      assert.deepEqual([active.version, active.hash], [1, bundle]);
    }
    const careful = policy.members.findIndex(({ member }) => member === policy.denied.member) + 1;
    const { decisions } = await ask(['policy', 'explain'], careful);
    const { subject } = decisions.find(({ outcome }) => outcome === 'DENY');
    const why = await ask(['policy', 'explain', subject], careful);
    assert.deepEqual([why.outcome, why.rule, why.parts[0].address], ['DENY', policy.denied.rule, first.address]);
    assert.deepEqual(why.parts[0].policies.map(({ id }) => id), policy.denied.policies);
    const { changed } = await ask(['policy', 'simulate', path.join(memberDir(careful), 'policy')]);
    assert.deepEqual(changed.map((verdict) => [verdict.subject, verdict.before, verdict.after]), [[subject, 'ALLOW', 'DENY']]);
  });

  test('requests: what two officers approved is listed with their votes; a third vote, of an officer who voted or of nobody, is refused', async () => {
    const { summary: { policy } } = network();
    const [{ member, request }] = policy.approved.requests;
    assert.equal(member, 'member-1');
    const { requests } = await ask(['requests', 'list']);
    const ours = requests.find((item) => item.request === request);
    assert.equal(ours.status, 'signed');
    assert.ok(ours.votes.every(({ vote }) => vote === 'approve'));
    assert.deepEqual(ours.votes.map(({ officer }) => officer).sort(), [...policy.approved.officers].sort());
    const secret = (file) => path.join(memberDir(), 'secrets', file);
    const approve = (officer, key) => [
      'requests', 'approve', request, '--officer', officer, '--group', 'treasury', '--key', secret(`officer-${key}.json`), '--password-file', secret(`officer-${key}.password`),
    ];
    await refused(1, approve('tara', 'tara'));
    await refused(1, approve('nobody', 'tom'));
  });

  test('burn: the gateway redeems LTC too; below the minimum, to an address that is not registered, or by a stranger it is refused', async () => {
    const ltc = readParams(knownParamsFile('ltc'));
    const { address } = new ExternalWallet({ params: ltc, keyFile: path.join(network().directory, 'wallets', 'gateway-ltc.key') });
    const burn = (amount, by = 'gary') => ['burn', '--gateway', 'gary', '--currency', 'LTC', '--amount', amount, '--fee-cap', '0.001', '--to', address, ...person(by), '--wait'];
    assert.match((await refused(1, burn('0.5'))).message, /not registered/);
    const registered = await ask(['gateway', 'payout-address', '--gateway', 'gary', '--currency', 'LTC', '--address', address, ...person('gary'), '--wait']);
    await until('block after the cool-down', async () => ((await ask(['status'])).height > registered.height ? true : undefined));
    assert.match((await refused(1, burn('0.00000001'))).message, /minimum/);
    assert.match((await refused(1, burn('0.5', 'alice'))).message, /not that of account/);
    const { tx } = await ask(burn('0.5'));
    const settled = await until('settlement', async () => {
      const [redemption] = (await ask(['withdrawals', 'show', tx])).withdrawals;
      return redemption.status === 'settled' ? redemption : undefined;
    });
    assert.deepEqual([settled.currency, settled.amount, settled.address], ['LTC', '50000000', address]);
    assert.equal(settled.signed_by.length, network().summary.params.m);
    assert.equal((await ask(['reserves'])).currencies.LTC.recorded_reserve, String(10_100_000_000n - 50_000_000n - BigInt(settled.fee)));
  });

  test('watch prints a line a block until it is stopped', async () => {
    const child = spawn(PROGRAM, ['--member', memberDir(), '--json', 'watch'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const heights = [];
    for await (const line of createInterface({ input: child.stdout })) {
      const block = JSON.parse(line);
      assert.equal(block.schema, 'custody.block/1');
      heights.push(block.height);
      if (heights.length === 3) break;
    }
    const ended = new Promise((resolve) => { child.on('close', (code, signal) => resolve(signal)); });
    child.kill('SIGINT');
    assert.equal(await ended, 'SIGINT');
    assert.deepEqual(heights, [heights[0], heights[0] + 1, heights[0] + 2]);
  });

  test('readable output has no JSON and no colour codes', async () => {
    const { stdout, code } = await run(['--member', memberDir(), 'reserves']);
    assert.equal(code, 0);
    assert.match(stdout, /recorded reserve/);
    assert.doesNotMatch(stdout, /[{"\u001b]/);
  });
}
