import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { chatCompletionSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import type { Pressure } from '../memory/memory-pressure.ts';
import { readAdmin, writeAdmin } from '../test-support/admin-api.ts';
import { memoryReading } from '../test-support/memory-reading.ts';
import {
  agentsForTests,
  chat,
  eventually,
  FAKE_WORKERS,
  makeRoot,
  type TestAgent,
} from '../test-support/test-agent.ts';
import { WORKER_TIMES } from '../workers/worker-times.ts';

const CHAT = '/v1/chat/completions';

const start = agentsForTests();

function write(agent: TestAgent, file: string, text = ''): void {
  const full = path.join(agent.root, 'shared', file);
  mkdirSync(path.dirname(full), { recursive: true });
  writeFileSync(full, text);
}

describe('aliases', () => {
  const models = [{ id: 'mine', base: 'm', adapter: 'lora' }];

  test('are listed, and have a worker of their own', async () => {
    const agent = await start({ config: { models } });
    write(agent, 'adapters/lora/adapter_config.json', '{}');
    write(agent, 'adapters/lora/adapters.safetensors', 'x');
    const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
    expect(list).toMatchObject({ data: [{ id: 'm' }, { id: 'mine' }] });
    for (const model of ['m', 'mine']) {
      expect((await agent.post(CHAT, chat('tokens=1', { model }))).status).toBe(200);
    }
    const pids = ['m', 'mine'].map((id) => agent.services.pool.peek(id)?.workerStatus().pid);
    expect(new Set(pids).size).toBe(2);
  });

  test('without their adapter they are not there, and say why', async () => {
    const agent = await start({ config: { models } });
    const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
    expect(list).toMatchObject({ data: [{ id: 'm' }] });
    const answer = await agent.post(CHAT, chat('a', { model: 'mine' }));
    expect([answer.status, await answer.json()]).toMatchObject([
      404,
      {
        error: {
          code: 'model_not_found',
          message: /'mine' is an alias, and its adapter.*shared\/adapters\/lora/,
        },
      },
    ]);
  });

  test('a base that the hub has is fetched', async () => {
    const aliased = [{ id: 'mine', base: 'org/good', adapter: 'lora' }];
    const agent = await start({ config: { models: aliased, env: {} } });
    write(agent, 'adapters/lora/adapter_config.json', '{}');
    write(agent, 'adapters/lora/adapters.safetensors', 'x');
    expect((await agent.post(CHAT, chat('tokens=1', { model: 'mine' }))).status).toBe(200);
  });
});

test('a draft model that is not there is an error of the model, and no silent loss', async () => {
  const agent = await start({ config: { models: [{ id: 'm', draft: 'small' }] } });
  const answer = await agent.post(CHAT, chat('a'));
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    {
      error: {
        code: 'model_load_failed',
        message: /'m' is configured with the draft model 'small', which is not/,
      },
    },
  ]);
});

test('an embedding model without the vision environment says what to set', async () => {
  const agent = await start({
    overrides: { worker: { python: '/bin/false', source: '/', visionPython: null } },
  });
  write(agent, 'models/vectors/config.json', '{"model_type":"bert"}');
  const answer = await agent.post('/v1/embeddings', { model: 'vectors', input: 'a' });
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    { error: { code: 'vision_environment_missing', message: /set vision: true in the inventory/ } },
  ]);
  // That was the request's error: nothing of it stays with the host.
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({
    models: [
      { id: 'm', state: 'unloaded' },
      { id: 'vectors', state: 'unloaded', error: null },
    ],
    worker: { healthy: true, status: 'idle' },
    workers: [],
  });
  expect(agent.services.pool.peek('vectors')).toBeNull();
  const unloaded = await writeAdmin(agent, '/admin/unload', { model: 'vectors' });
  expect(await unloaded.json()).toEqual({ status: 'not_loaded', model: 'vectors' });
  // With the environment it could not chat either.
  const talk = await agent.post(CHAT, chat('a', { model: 'vectors' }));
  expect([talk.status, await talk.json()]).toMatchObject([400, { error: { code: 'model_not_supported' } }]);
});

describe('a vision model', () => {
  const models = { seeing: { vision: true }, m: {} };

  test('runs in the vision environment, is told of images, and generates text', async () => {
    const agent = await start({
      models,
      config: { images: { max_side: 640, max_pdf_pages: 7, image_cache_bytes: 0 } },
      overrides: { worker: { ...FAKE_WORKERS, python: '/bin/false' } },
    });
    const answer = await agent.post(CHAT, chat('show-load', { model: 'seeing' }));
    const { choices } = chatCompletionSchema.parse(await answer.json());
    expect(JSON.parse(choices[0]?.message.content ?? '')).toMatchObject({
      task: 'vision',
      media: {
        spool_path: path.join(agent.root, 'shared', 'spool'),
        max_side: 640,
        max_pdf_pages: 7,
        image_cache_bytes: 0,
        feature_cache_bytes: expect.any(Number),
      },
    });
    expect(await readAdmin(agent, '/admin/models')).toMatchObject({
      models: [
        { id: 'm', task: 'generate' },
        { id: 'seeing', task: 'vision' },
      ],
    });
    await eventually(async () => {
      const exposition = await (await fetch(`${agent.url}/metrics`)).text();
      return (
        exposition.includes('mlxfleet_image_cache_bytes{model_name="seeing"} 700') &&
        exposition.includes('mlxfleet_feature_cache_bytes{model_name="seeing"} 900')
      );
    }, 'its caches are told');
    expect(await readAdmin(agent, '/admin/workers')).toMatchObject({
      workers: [{ model: 'seeing', image_cache: { image_bytes: 700, feature_bytes: 900 } }],
    });
    // The text environment is another one.
    expect((await agent.post(CHAT, chat('a'))).status).toBe(503);
  });

  test('says what to set on a host without the vision environment, where text models go on', async () => {
    const agent = await start({
      models,
      overrides: { worker: { ...FAKE_WORKERS, visionPython: null } },
    });
    const answer = await agent.post(CHAT, chat('a', { model: 'seeing' }));
    expect([answer.status, await answer.json()]).toMatchObject([
      503,
      {
        error: {
          code: 'vision_environment_missing',
          message: /'seeing' is shown images.*set vision: true in the inventory/,
        },
      },
    ]);
    const talk = await agent.post(CHAT, chat('show-load'));
    const { choices } = chatCompletionSchema.parse(await talk.json());
    expect(JSON.parse(choices[0]?.message.content ?? '')).toMatchObject({ task: 'generate', media: null });
  });
});

test.each([
  ['m', 'm', 'm'],
  ['org/lost', 'hub/models--org--lost', 'hub/models--org--lost/snapshots/abc'],
])(
  'a model that is gone leaves nothing behind that starts its worker again: %s',
  async (id, folder, files) => {
    const times = { ...WORKER_TIMES, firstBackoff: 5, coolDown: 200 };
    const agent = await start({ models: {}, overrides: { workerTimes: times } });
    write(agent, `models/${files}/config.json`, '{"fake":{"crash_on_load":true}}');
    write(agent, `models/${files}/model.safetensors`, 'x');
    write(agent, `models/${folder}/refs/main`, 'abc');
    const { pool } = agent.services;
    expect((await agent.post(CHAT, chat('a', { model: id }))).status).toBe(503);
    pool.peek(id)?.setPinned(true);
    await eventually(() => pool.peek(id)?.isBroken === true, 'the worker is broken');
    const lost = pool.peek(id);
    rmSync(path.join(agent.root, 'shared', 'models', folder), { recursive: true });
    expect((await agent.post(CHAT, chat('a', { model: id }))).status).toBe(404);
    expect([pool.peek(id), lost?.isBroken]).toEqual([null, false]);
    const restarts = lost?.workerStatus().restarts;
    await sleep(2 * times.coolDown);
    expect([lost?.isActive, lost?.workerStatus().restarts]).toEqual([false, restarts]);
  },
);

/** An agent on a machine whose memory is as it is told. */
async function startShort(): Promise<{
  readonly agent: TestAgent;
  readonly feel: (pressure: Pressure) => Promise<void>;
}> {
  let pressure: Pressure = 'normal';
  const readMemory = async () => memoryReading({ systemPressure: pressure });
  const agent = await start({ models: { idle: {}, kept: {} }, overrides: { readMemory } });
  return {
    agent,
    feel: async (next) => {
      pressure = next;
      await agent.services.guard.look();
    },
  };
}

test('a machine that does not say how much memory it has is told of, and nothing is loaded on a guess', async () => {
  const slow = new Error('vm_stat is slow');
  const agent = await start({ overrides: { readMemory: async () => await Promise.reject(slow) } });
  const answer = await agent.post(CHAT, chat('a'));
  expect([answer.status, await answer.json()]).toMatchObject([
    503,
    { error: { code: 'memory_exhausted', message: /how much memory this machine has left cannot be read/ } },
  ]);
  const status: unknown = await (await fetch(`${agent.adminUrl}/admin/status`)).json();
  expect(status).toMatchObject({ memory: { used_bytes: null, available_bytes: null } });
  const metrics = await (await fetch(`${agent.url}/metrics`)).text();
  expect(metrics).toContain('mlxfleet_memory_available_bytes Nan');
});

test('a refusal for want of room is told with the model, and does not make it a failed one', async () => {
  let availableBytes = 0;
  const readMemory = async () => memoryReading({ availableBytes });
  const agent = await start({ overrides: { readMemory } });
  expect((await agent.post(CHAT, chat('a'))).status).toBe(503);
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({
    models: [{ id: 'm', state: 'unloaded', error: /the system has 0\.0 GB to give/ }],
    worker: { healthy: true },
  });
  availableBytes = 8e9;
  expect((await agent.post(CHAT, chat('tokens=1'))).status).toBe(200);
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({
    models: [{ state: 'ready', error: null }],
  });
});

test.each([
  ['whose worker is about to be tried again', 60_000, 'unloaded'],
  ['that is not tried again', 5, 'not_loaded'],
])('an unload forgets the failure of a model %s', async (_, firstBackoff, status) => {
  const agent = await start({
    models: { m: { load_error: 'bad weights' } },
    overrides: { workerTimes: { ...WORKER_TIMES, firstBackoff } },
  });
  expect((await agent.post(CHAT, chat('a'))).status).toBe(503);
  const rest = status === 'unloaded' ? 'backoff' : 'stopped';
  await eventually(() => agent.services.pool.peek('m')?.workerStatus().state === rest, 'it rests');
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({ models: [{ state: 'failed' }] });
  const unloaded = await writeAdmin(agent, '/admin/unload', { model: 'm' });
  expect(await unloaded.json()).toEqual({ status, model: 'm' });
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({
    models: [{ state: 'unloaded', error: null }],
    worker: { healthy: true },
  });
});

describe('a machine short of memory', () => {
  test('unloads what is idle, refuses what is new, and tells of it', async () => {
    const { agent, feel } = await startShort();
    const ask = async (model: string) => await agent.post(CHAT, chat('tokens=1', { model }));
    for (const model of ['idle', 'kept']) expect((await ask(model)).status).toBe(200);
    agent.services.pool.peek('kept')?.setPinned(true);
    await feel('critical');
    await eventually(() => agent.services.pool.peek('idle')?.isActive === false, 'the idle model is gone');
    expect((await ask('kept')).status).toBe(200);
    const unloadable = await ask('idle');
    expect([unloadable.status, await unloadable.json()]).toMatchObject([
      503,
      {
        error: {
          code: 'memory_exhausted',
          message: /cannot be loaded: the host is critically short of memory/,
        },
      },
    ]);
    await eventually(async () => {
      await feel('critical');
      return agent.services.verdict.refusal !== null;
    }, 'it refuses');
    const refused = await ask('kept');
    expect([refused.status, refused.headers.get('retry-after'), await refused.json()]).toMatchObject([
      503,
      '10',
      {
        error: {
          code: 'memory_exhausted',
          message: /short of memory: the system calls it critical, 8\.0 GB/,
        },
      },
    ]);
    expect((await fetch(`${agent.url}/ready`)).status).toBe(503);
    expect((await fetch(`${agent.url}/v1/models`)).status).toBe(200);
    const status: unknown = await (await fetch(`${agent.adminUrl}/admin/status`)).json();
    expect(status).toMatchObject({
      memory: { pressure: 'critical', refusal: /critical/, available_bytes: 8e9 },
    });
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    for (const line of [
      'mlxfleet_memory_pressure 2',
      'mlxfleet_memory_refusing 1',
      'mlxfleet_model_evictions_total{model_name="idle",reason="pressure"} 1',
    ]) {
      expect(metrics).toContain(line);
    }
  });
});

test('prefixes that were kept of models that are gone are removed at the start', async () => {
  const root = makeRoot({ m: {} });
  const stale = path.join(root, 'shared', 'state', 'prefix-cache', 'gone-12345678');
  mkdirSync(stale, { recursive: true });
  const agent = await start({ overrides: { root } });
  expect((await fetch(`${agent.url}/health`)).status).toBe(200);
  expect(existsSync(stale)).toBe(false);
  await agent.stop();
  rmSync(root, { recursive: true });
});
