import { readFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { MemoryReading } from '../../memory/memory-pressure.ts';
import { memoryReading } from '../../test-support/memory-reading.ts';
import { readEvents } from '../../test-support/read-events.ts';
import { chat, eventually, agentsForTests, type TestAgent } from '../../test-support/test-agent.ts';
import { WORKER_TIMES } from '../../workers/worker-times.ts';
import { modelUnloaded } from './model-errors.ts';
import type { ModelRuntime } from './model-runtime.ts';

const CHAT = '/v1/chat/completions';
const READING = memoryReading();

const start = agentsForTests();

function runtimeOf(agent: TestAgent, id = 'm'): ModelRuntime {
  const runtime = agent.services.pool.peek(id);
  if (runtime === null) throw new Error(`${id} has no runtime`);
  return runtime;
}

describe('loading', () => {
  test('requests that arrive while a model loads share the load', async () => {
    const agent = await start({ models: { m: { load_ms: 100 } } });
    const answers = await Promise.all([1, 2, 3].map(async () => await agent.post(CHAT, chat('tokens=1'))));
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200]);
    const log = readFileSync(path.join(agent.root, 'logs', 'worker-m.log'), 'utf8');
    expect(log.match(/loading m/g)).toHaveLength(1);
  });

  test('a failed load is told to everybody who waits, at once again while it is fresh, and retried later', async () => {
    const agent = await start({ models: { m: { load_error: 'bad weights' } } });
    const answers = await Promise.all([1, 2].map(async () => await agent.post(CHAT, chat('a'))));
    for (const answer of answers) {
      expect([answer.status, await answer.json()]).toMatchObject([
        503,
        { error: { message: /bad weights/ } },
      ]);
    }
    const again = await agent.post(CHAT, chat('a'));
    expect([again.status, again.headers.get('retry-after')]).toEqual([503, '1']);
    await eventually(() => !runtimeOf(agent).isActive, 'the worker rests');
    expect(runtimeOf(agent).status()).toMatchObject({ state: 'failed', error: /bad weights/ });
    expect((await agent.post(CHAT, chat('a'))).status).toBe(503);
  });

  test('a worker that dies while it loads says why', async () => {
    const agent = await start({ models: { m: { crash_on_load: true } } });
    const answer = await agent.post(CHAT, chat('a'));
    expect(await answer.json()).toMatchObject({
      error: { message: "The model 'm' could not be loaded: exit code 7" },
    });
    expect(runtimeOf(agent).status().error).toMatch(/exit code 7; loading m$/);
  });

  test('clients are told why without paths, the admin API all of it', async () => {
    const said = 'FileNotFoundError: no weights in /home/ann/models/m\nTraceback: /usr/lib/x.py';
    const agent = await start({ models: { m: { load_error: said } } });
    const message = "The model 'm' could not be loaded: FileNotFoundError: no weights in m";
    const full = `The model 'm' could not be loaded: ${said}`;
    expect(await (await agent.post(CHAT, chat('a'))).json()).toMatchObject({ error: { message } });
    // Told again while the failure is fresh.
    expect(await (await agent.post(CHAT, chat('a'))).json()).toMatchObject({ error: { message } });
    expect(runtimeOf(agent).status().error).toBe(full);
    const token = readFileSync(path.join(agent.root, 'shared', 'admin-token'), 'utf8').trim();
    const load = await fetch(`${agent.adminUrl}/admin/load`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-admin-token': token },
      body: '{"model":"m"}',
    });
    expect([load.status, await load.json()]).toMatchObject([503, { error: { message: full } }]);
    const status: unknown = await (await fetch(`${agent.adminUrl}/admin/status`)).json();
    expect(status).toMatchObject({ models: [{ error: full }] });
  });

  test('a load that hangs is given up, and its worker is ended', async () => {
    const times = { ...WORKER_TIMES, load: 200, grace: 200, firstBackoff: 100 };
    const agent = await start({
      models: { m: { load_ms: 60_000, ignore_term: true } },
      overrides: { workerTimes: times },
    });
    const answer = await agent.post(CHAT, chat('a'));
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'model_load_failed', message: /did not load it within 0.2 s/ } },
    ]);
    await eventually(() => !runtimeOf(agent).isActive, 'the worker is gone');
  });

  test.each([
    ['of another protocol', { protocol: 99 }, /protocol 99 and the agent 1/],
    ['that never starts', { never_ready: true }, /did not start within 0.3 s/],
  ])('a worker %s', async (_, fake, message) => {
    const times = { ...WORKER_TIMES, start: 300, grace: 200, firstBackoff: 100 };
    const agent = await start({
      config: { env: { FAKE_WORKER: JSON.stringify(fake) } },
      overrides: { workerTimes: times },
    });
    expect(await (await agent.post(CHAT, chat('a'))).json()).toMatchObject({ error: { message } });
  });

  test('an interpreter that is missing', async () => {
    const agent = await start({ overrides: { worker: { python: '/nonexistent/python', source: '/' } } });
    expect(await (await agent.post(CHAT, chat('a'))).json()).toMatchObject({
      error: { code: 'model_load_failed', message: /could not be started/ },
    });
    const ready = await fetch(`${agent.url}/ready`);
    expect([ready.status, await ready.json()]).toMatchObject([503, { error: { message: /Deploy again/ } }]);
  });
});

describe('a worker that dies', () => {
  test('what it held gets an error at once, what waits is served by its successor', async () => {
    const agent = await start({ config: { max_batch_size: 2 } });
    await agent.post(CHAT, chat('tokens=1'));
    const streamed = agent.post(CHAT, chat('tokens=900', { stream: true, max_tokens: 900 }));
    const crashing = agent.post(CHAT, chat('crash=20', { max_tokens: 50 }));
    await eventually(() => runtimeOf(agent).runningCount === 2, 'both run');
    const waiting = agent.post(CHAT, chat('tokens=1'));
    const [stream, plain] = await Promise.all([streamed, crashing]);
    expect([plain.status, await plain.json()]).toMatchObject([
      503,
      { error: { code: 'worker_crashed', message: /this request \(exit code 9\)\.$/ } },
    ]);
    const events = readEvents(await stream.text());
    expect(JSON.parse(events.at(-1) ?? '')).toMatchObject({ error: { code: 'worker_crashed' } });
    expect((await waiting).status).toBe(200);
    expect(runtimeOf(agent).workerStatus()).toMatchObject({
      restarts: 1,
      last_exit: /exit code 9; .*the fake crashes as told/,
    });
  });

  test('garbage from a worker replaces it', async () => {
    const agent = await start();
    const answer = await agent.post(CHAT, chat('garbage=2', { max_tokens: 50 }));
    expect(await answer.json()).toMatchObject({ error: { code: 'worker_crashed', message: /not a frame/ } });
    expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  });

  test('nobody waits: it is not started again, unless the model is pinned', async () => {
    const agent = await start({
      models: { m: {}, pinned: {} },
      config: { models: [{ id: 'pinned', pin: true }] },
    });
    await agent.post(CHAT, chat('crash=1'));
    await eventually(() => !runtimeOf(agent).isActive, 'the worker rests');
    await agent.post(CHAT, chat('crash=1', { model: 'pinned' }));
    await eventually(() => runtimeOf(agent, 'pinned').isReady, 'the pinned model is back');
    expect(runtimeOf(agent).isActive).toBe(false);
  });
});

describe('the queue', () => {
  test('takes so many and refuses the next with 429; room comes back', async () => {
    const agent = await start({ config: { max_batch_size: 2, queue_depth: 3 } });
    const abort = new AbortController();
    const held = Array.from(
      { length: 5 },
      async () => await agent.post(CHAT, chat('mute'), { signal: abort.signal }).catch(() => null),
    );
    await eventually(() => agent.services.pool.peek('m')?.waitingCount === 3, 'three wait');
    await eventually(() => runtimeOf(agent).runningCount === 2, 'two run');
    expect(runtimeOf(agent).waitingCount).toBe(3);
    const refused = await agent.post(CHAT, chat('a'));
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      429,
      '2',
      { error: { type: 'rate_limit_error', code: 'queue_full' } },
    ]);
    expect((await agent.post(CHAT, chat('a', { model: 'made-up' }))).status).toBe(404);
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    expect(metrics.match(/^mlxfleet_request_failures_total.*$/gm)).toEqual([
      'mlxfleet_request_failures_total{model_name="m",code="queue_full"} 1',
      'mlxfleet_request_failures_total{code="model_not_found"} 1',
    ]);
    abort.abort();
    await Promise.all(held);
    await eventually(() => runtimeOf(agent).runningCount === 0, 'they have gone');
    expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  });

  test('who finds it full is told when it will have been served, at the pace of late', async () => {
    let ahead = 0;
    const agent = await start({
      config: { max_batch_size: 1, queue_depth: 3 },
      overrides: { now: () => performance.now() + ahead },
    });
    const timed = agent.post(CHAT, chat('tokens=100', { max_tokens: 100 }));
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    ahead = 8000;
    expect((await timed).status).toBe(200);
    const abort = new AbortController();
    const held = Array.from({ length: 4 }, async () => {
      return await agent.post(CHAT, chat('mute'), { signal: abort.signal }).catch(() => null);
    });
    await eventually(() => runtimeOf(agent).waitingCount === 3, 'the queue is full');
    const refused = await agent.post(CHAT, chat('a'));
    expect(refused.status).toBe(429);
    // Three wait, and each takes the eight seconds that the last one took, and a little more.
    expect(['25', '26', '27']).toContain(refused.headers.get('retry-after'));
    abort.abort();
    await Promise.all(held);
  });

  test('choices of one request are taken together or not at all', async () => {
    const agent = await start({ config: { max_batch_size: 1, queue_depth: 2 } });
    const abort = new AbortController();
    const held = agent.post(CHAT, chat('mute', { n: 2 }), { signal: abort.signal }).catch(() => null);
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    expect((await agent.post(CHAT, chat('a', { n: 2 }))).status).toBe(429);
    expect(runtimeOf(agent).waitingCount).toBe(1);
    abort.abort();
    await held;
  });

  test('X-Priority orders it', async () => {
    const agent = await start({ config: { max_batch_size: 1 } });
    const order: string[] = [];
    const send = async (priority: string, prompt: string): Promise<void> => {
      await agent.post(CHAT, chat(prompt), { headers: { 'x-priority': priority } });
      order.push(priority);
    };
    const first = agent.post(CHAT, chat('tokens=50', { max_tokens: 50 }));
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    const low = send('low', 'tokens=1');
    await eventually(() => runtimeOf(agent).waitingCount === 1, 'low waits');
    const high = send('high', 'tokens=1');
    await Promise.all([first, low, high]);
    expect(order).toEqual(['high', 'low']);
  });

  test('who waits too long gets an error', async () => {
    let ahead = 0;
    const agent = await start({
      config: { max_batch_size: 1 },
      overrides: { now: () => performance.now() + ahead },
    });
    const abort = new AbortController();
    const held = agent.post(CHAT, chat('mute'), { signal: abort.signal }).catch(() => null);
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    const waiting = agent.post(CHAT, chat('a'), { headers: { 'x-priority': 'low' } });
    await eventually(() => runtimeOf(agent).waitingCount === 1, 'one waits');
    ahead = 61_000;
    const answer = await waiting;
    expect([answer.status, await answer.json()]).toMatchObject([503, { error: { code: 'queue_timeout' } }]);
    abort.abort();
    await held;
  });
});

describe('unloading', () => {
  test('an idle model goes after its time, a pinned one stays', async () => {
    let ahead = 0;
    const agent = await start({
      models: { m: {}, pinned: {} },
      config: { models: [{ id: 'pinned', pin: true }], idle_timeout_seconds: 100 },
      overrides: { now: () => performance.now() + ahead },
    });
    await agent.post(CHAT, chat('tokens=1'));
    await eventually(() => runtimeOf(agent, 'pinned').isReady, 'the pinned model is ready');
    ahead = 99_000;
    agent.services.pool.sweep(agent.services.now());
    expect(runtimeOf(agent).isReady).toBe(true);
    ahead = 101_000;
    agent.services.pool.sweep(agent.services.now());
    await eventually(() => !runtimeOf(agent).isActive, 'the idle model is unloaded');
    expect(runtimeOf(agent, 'pinned').isReady).toBe(true);
    expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  });

  test('what runs finishes first; what arrives meanwhile loads the model again', async () => {
    const agent = await start();
    const running = agent.post(CHAT, chat('tokens=60', { max_tokens: 60 }));
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    const unloaded = runtimeOf(agent).unload(false);
    expect(runtimeOf(agent).status().state).toBe('unloading');
    const late = agent.post(CHAT, chat('tokens=1'));
    expect((await running).status).toBe(200);
    expect(await unloaded).toBe(true);
    expect((await late).status).toBe(200);
    expect(runtimeOf(agent).workerStatus().restarts).toBe(0);
  });

  test('one that is about to be loaded is not, unless requests wait for it', async () => {
    const room = Promise.withResolvers<MemoryReading>();
    const agent = await start({ overrides: { readMemory: async () => await room.promise } });
    const runtime = await agent.services.pool.acquire('m');
    const load = runtime.load();
    await eventually(() => runtime.isActive, 'it makes room');
    const [loaded, unloaded] = await Promise.allSettled([load, runtime.unload(false)]);
    expect(loaded).toMatchObject({ reason: { message: "The model 'm' was unloaded." } });
    expect(unloaded).toMatchObject({ value: true });
    expect(runtime.isActive).toBe(false);
    const answer = agent.post(CHAT, chat('tokens=1'));
    await eventually(() => runtime.isActive, 'it makes room again');
    expect(await runtime.unload(false)).toBe(true);
    expect(runtime.isActive).toBe(true);
    room.resolve(READING);
    expect((await answer).status).toBe(200);
    const log = readFileSync(path.join(agent.root, 'logs', 'worker-m.log'), 'utf8');
    expect(log.match(/loading m/g)).toHaveLength(1);
  });

  test.each([
    ['backoff', 1],
    ['broken', 5],
  ])('one whose worker rests and that is about to be loaded by hand: %s', async (state, crashes) => {
    const room = Promise.withResolvers<MemoryReading>();
    let isHeld = false;
    const agent = await start({
      models: { m: { crash_on_load: true } },
      config: { models: [{ id: 'm', preload: true }] },
      overrides: {
        workerTimes: { ...WORKER_TIMES, firstBackoff: crashes === 1 ? 300 : 5 },
        readMemory: async () => (isHeld ? await room.promise : READING),
      },
    });
    const { pool } = agent.services;
    await eventually(() => pool.peek('m')?.workerStatus().state === state, 'its worker rests');
    isHeld = true;
    const runtime = runtimeOf(agent);
    const [loaded, unloaded] = await Promise.allSettled([runtime.load(), runtime.unload(false)]);
    expect(loaded).toMatchObject({ reason: { code: 'MODEL_UNLOADED' } });
    expect(unloaded).toMatchObject({ value: true });
    expect(runtime.workerStatus().state).toBe('stopped');
    room.resolve(READING);
    await sleep(500);
    expect(runtime.isActive).toBe(false);
  });

  test('one whose rest ends while memory comes back for a load by hand: that load goes on', async () => {
    let readings: MemoryReading[] | null = null;
    const agent = await start({
      models: { m: { crash_on_load: true, weights: 1_000_000 } },
      config: { models: [{ id: 'm', preload: true }] },
      overrides: {
        workerTimes: { ...WORKER_TIMES, firstBackoff: 5, coolDown: 400 },
        readMemory: async () => readings?.shift() ?? READING,
      },
    });
    const { pool } = agent.services;
    await eventually(() => pool.peek('m')?.workerStatus().state === 'broken', 'its worker rests');
    const runtime = runtimeOf(agent);
    // Enough to make room; then, until the rest is over, what the last worker held is not back.
    const short = { ...READING, availableBytes: 0 };
    readings = [READING, short, short, short];
    const loaded = runtime.load();
    await eventually(() => runtime.workerStatus().state === 'stopped', 'its rest is over');
    expect(runtime.resident()?.floorBytes).toBeGreaterThan(0);
    await expect(loaded).rejects.toMatchObject({ message: /could not be loaded/ });
  });

  test('a worker that does not end even when it is killed is told of, and served again once it has', async () => {
    const times = { ...WORKER_TIMES, grace: 50, kill: 50 };
    const agent = await start({
      models: { m: { ignore_term: true, heir: true } },
      overrides: { workerTimes: times },
    });
    await agent.post(CHAT, chat('tokens=1'));
    const runtime = runtimeOf(agent);
    const unloaded = runtime.unload(false);
    const load = runtime.load();
    const failures = await Promise.allSettled([unloaded, load]);
    for (const failure of failures) {
      expect(failure).toMatchObject({ status: 'rejected', reason: { code: 'WORKER_STUCK' } });
    }
    await expect(runtime.unload(true)).rejects.toMatchObject({ code: 'WORKER_STUCK' });
    await expect(runtime.load()).rejects.toMatchObject({ code: 'WORKER_STUCK' });
    const answer = await agent.post(CHAT, chat('tokens=1'));
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      { error: { code: 'worker_stuck', message: /'m' was killed, and the system does not let it end/ } },
    ]);
    expect(runtime.status()).toMatchObject({ state: 'failed', error: /does not let it end/ });
    expect(runtime.resident()).not.toBeNull();
    await eventually(() => !runtime.isActive, 'it has ended after all');
    expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  });

  test('by force at once, also a worker that ignores SIGTERM', async () => {
    const agent = await start({ models: { m: { ignore_term: true } } });
    const running = agent.post(CHAT, chat('mute'));
    await eventually(() => agent.services.pool.peek('m')?.runningCount === 1, 'one runs');
    expect(await runtimeOf(agent).unload(true)).toBe(true);
    expect(await (await running).json()).toMatchObject({ error: { code: 'model_unloaded' } });
    expect(await runtimeOf(agent).unload(true)).toBe(false);
  });

  test('the least recently used model makes room; busy and pinned ones are not touched', async () => {
    const weights = 1_000_000;
    const agent = await start({
      models: { a: { weights }, b: { weights }, c: { weights }, huge: { weights: 4_000_000 } },
      config: { memory_limit_bytes: 3_000_000 },
    });
    const ask = async (model: string, prompt = 'tokens=1') => await agent.post(CHAT, chat(prompt, { model }));
    for (const model of ['a', 'b', 'c']) expect((await ask(model)).status).toBe(200);
    expect(['a', 'b', 'c'].map((id) => runtimeOf(agent, id).isReady)).toEqual([false, true, true]);
    const abort = new AbortController();
    const busy = agent.post(CHAT, chat('mute', { model: 'b' }), { signal: abort.signal }).catch(() => null);
    await eventually(() => runtimeOf(agent, 'b').runningCount === 1, 'b is busy');
    runtimeOf(agent, 'c').setPinned(true);
    const refused = await ask('a');
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      503,
      '10',
      { error: { code: 'memory_exhausted', message: /held by models that are busy or pinned/ } },
    ]);
    runtimeOf(agent, 'c').setPinned(false);
    expect((await ask('a')).status).toBe(200);
    expect((await ask('huge')).status).toBe(503);
    expect(runtimeOf(agent, 'b').isReady).toBe(true);
    abort.abort();
    await busy;
  });
});

test('what was shut down takes nothing in: it would never end', async () => {
  const agent = await start();
  await agent.post(CHAT, chat('tokens=1'));
  const runtime = runtimeOf(agent);
  await runtime.shutDown(modelUnloaded('m'));
  const prompt = { kind: 'text', text: 'a' } as const;
  await expect(
    runtime.ask({ type: 'tokenize', prompt, add_special_tokens: true, cache_scope: null }),
  ).rejects.toMatchObject({
    code: 'MODEL_UNLOADED',
  });
  const unloaded = expect.objectContaining({ code: 'MODEL_UNLOADED' });
  expect(() => {
    runtime.submit([]);
  }).toThrow(unloaded);
  expect(() => runtime.keepPlaces(1)).toThrow(unloaded);
  expect(() => runtime.keepQuestionPlace()).toThrow(unloaded);
});
