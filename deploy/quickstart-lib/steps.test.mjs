import assert from 'node:assert/strict';
import { Writable } from 'node:stream';
import { test } from 'node:test';
import { Reporter } from './report.mjs';
import { Interrupted, NotYet, StepRunner, TimedOut } from './steps.mjs';

class Memory extends Writable {
  text = '';

  _write(chunk, _, done) {
    this.text += chunk;
    done();
  }
}

function make({ stepMs = 60_000, totalMs = 60_000, health, now } = {}) {
  const out = new Memory();
  const err = new Memory();
  const runner = new StepRunner({ reporter: new Reporter({ json: true, out, err }), stepMs, totalMs, health, now });
  return { runner, events: () => out.text.trim().split('\n').map((line) => JSON.parse(line)), err };
}

const never = (step) => step.waitFor({
  what: 'block 7', from: 'member-2', log: '/d/noded.log', everyMs: 1, probe: async (state) => { state('height 6'); },
});

test('a step is told at its start and its end, with nothing but JSON on standard output', async () => {
  const { runner, events, err } = make();
  await runner.run('one', 'the first', async (step) => {
    step.say('hello');
    return 'fine';
  });
  const [start, done] = events();
  assert.deepEqual(start, { event: 'step', name: 'one', state: 'start', seconds: 0, detail: 'the first' });
  assert.equal(done.state, 'done');
  assert.equal(done.detail, 'fine');
  assert.match(err.text, /hello/);
  assert.deepEqual(runner.done.map((item) => item.name), ['one']);
});

test('a step took the same time in its event and in the summary, however the clock goes on between', async () => {
  let ms = 0;
  const { runner, events } = make({ now: () => { ms += 1; return ms; } });
  for (let i = 0; i < 5; ++i) await runner.run(`good ${i}`, '', async () => '');
  await assert.rejects(runner.run('bad', '', async () => { throw new Error('broken'); }), /broken/);
  const ended = events().filter(({ state }) => state !== 'start').map(({ name, seconds }) => ({ name, seconds }));
  assert.deepEqual(ended, runner.done);
});

test('a failure is told and thrown, and the step that failed is known', async () => {
  const { runner, events } = make();
  await assert.rejects(runner.run('two', '', async () => { throw new Error('broken'); }), /broken/);
  assert.deepEqual(events().map((event) => [event.state, event.detail]), [['start', ''], ['failed', 'broken']]);
  assert.equal(runner.current, 'two');
});

test('when time is up it says what was awaited, from whom, the last state, and which log to read', async () => {
  const { runner } = make({ stepMs: 50 });
  await assert.rejects(runner.run('wait', '', never), (error) => {
    assert.ok(error instanceof TimedOut);
    assert.equal(error.message, 'the step took longer than 0.05 s: awaited block 7 from member-2; last state: height 6; look in /d/noded.log');
    return true;
  });
});

test('everything that is awaited at the same time is named, and what has ended is not', async () => {
  const { runner } = make({ stepMs: 50 });
  await assert.rejects(runner.run('wait', '', async (step) => {
    await step.during({ what: 'a token', from: 'member-1', log: '/d/1.log' }, async () => {});
    await assert.rejects(step.during({ what: 'a key', from: 'member-1', log: '/d/1.log' }, async () => { throw new Error('refused'); }), /^Error: refused \(awaited a key from member-1; look in \/d\/1\.log\)$/);
    await Promise.all([never(step), step.during({ what: 'a node', from: 'btc', log: '/d/btc.log' }, () => new Promise(() => {}))]);
  }), (error) => {
    assert.match(error.message, /: awaited block 7 from member-2; last state: height 6; look in \/d\/noded\.log; and awaited a node from btc; last state: no answer yet; look in \/d\/btc\.log$/);
    return true;
  });
});

test('a long wait tells its state now and then', async (t) => {
  const { runner, err } = make();
  let now = 0;
  t.mock.method(performance, 'now', () => { now += 1_000; return now; });
  let calls = 0;
  await runner.run('wait', '', (step) => step.waitFor({
    what: 'block 7', from: 'member-2', log: '', everyMs: 1, probe: async (state) => {
      calls += 1;
      state(`height ${calls}`);
      return calls > 9 ? calls : undefined;
    },
  }));
  assert.match(err.text, /waiting for block 7 from member-2: height \d/);
  assert.ok(err.text.split('waiting for').length - 1 < calls);
});

test('the limit of the whole run cuts a step short', async () => {
  const { runner } = make({ totalMs: 50 });
  await assert.rejects(runner.run('wait', '', never), /the whole run took longer than 0.05 s/);
  await assert.rejects(runner.run('next', '', never), /the whole run/);
});

test('an interruption ends the running step and every later one', async () => {
  const { runner } = make();
  const running = runner.run('wait', '', never);
  runner.interrupt('by SIGINT');
  await assert.rejects(running, Interrupted);
  let ran = false;
  await assert.rejects(runner.run('next', '', async () => { ran = true; }), Interrupted);
  assert.equal(ran, false);
});

test('NotYet is a state, any other error of a probe ends the wait', async () => {
  const { runner } = make();
  let calls = 0;
  await runner.run('ready at the third try', '', async (step) => {
    const seen = await step.waitFor({
      what: '', from: '', log: '', everyMs: 1, probe: async () => {
        calls += 1;
        if (calls < 3) throw new NotYet('not listening');
        return calls;
      },
    });
    assert.equal(seen, 3);
  });
  await assert.rejects(runner.run('refused', '', (step) => step.waitFor({
    what: '', from: '', log: '', probe: async () => { throw new Error('refused'); },
  })), /refused/);
});

test('a process that died ends a wait at once', async () => {
  let healthy = true;
  const { runner } = make({ health: () => { if (!healthy) throw new Error('member-3 exited with 1'); } });
  await assert.rejects(runner.run('wait', '', (step) => step.waitFor({
    what: '', from: '', log: '', everyMs: 1, probe: async () => { healthy = false; },
  })), /member-3 exited with 1/);
});

test('colours go to a terminal only, and never with NO_COLOR', () => {
  const shown = (isTTY, env) => {
    const out = Object.assign(new Memory(), { isTTY });
    new Reporter({ json: false, out, env }).step('one', 'done', 1, '');
    return out.text;
  };
  assert.match(shown(true, {}), /\u001b\[32mone done\u001b\[0m in 1\.0 s/);
  for (const text of [shown(undefined, {}), shown(true, { NO_COLOR: '' }), shown(true, { TERM: 'dumb' })]) assert.doesNotMatch(text, /\u001b/);
});
