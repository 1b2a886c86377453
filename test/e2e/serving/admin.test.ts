import { once } from 'node:events';
import { cp, readFile, writeFile } from 'node:fs/promises';
import http from 'node:http';
import path from 'node:path';
import {
  type AdminModel,
  adminModelsSchema,
  adminPullEventSchema,
  type AdminPullEvent,
  adminStatusSchema,
  type AdminWorker,
  adminWorkersSchema,
  type ModelStatus,
  openAiErrorSchema,
} from '@mlxfleet/protocol';
import { afterEach, describe, expect, test } from 'vitest';
import { type LoopbackHub, startLoopbackHub } from '../../fakes/hub/loopback-hub.ts';
import { type AgentProcess, type AgentOptions, isAlive, startAgent } from '../../support/agent-process.ts';
import { testModel } from '../../support/test-model.ts';

const MODEL = 'tiny-text';

/** What takes seconds takes many on a busy machine. */
const SOON_MS = 60_000;

let agent: AgentProcess;
let hub: LoopbackHub | undefined;
afterEach(async () => {
  await agent.stop();
  await hub?.close();
  hub = undefined;
});

async function start(options: Partial<AgentOptions> = {}): Promise<void> {
  agent = await startAgent({ models: [MODEL], ...options });
}

async function read(route: string): Promise<unknown> {
  return await (await fetch(agent.adminUrl + route)).json();
}

async function models(): Promise<AdminModel[]> {
  return adminModelsSchema.parse(await read('/admin/models')).models;
}

async function statuses(): Promise<ModelStatus[]> {
  return adminStatusSchema.parse(await read('/admin/status')).models;
}

async function workers(): Promise<AdminWorker[]> {
  return adminWorkersSchema.parse(await read('/admin/workers')).workers;
}

async function chat(content: string, more: object = {}): Promise<Response> {
  return await fetch(`${agent.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      model: MODEL,
      messages: [{ role: 'user', content }],
      max_tokens: 8,
      temperature: 0,
      ...more,
    }),
  });
}

/** What cannot end before the context does. */
const ENDLESS = { max_tokens: 8000, logit_bias: { '2': -100 }, stream: true };

describe('models and workers', () => {
  test('tell what the model takes and what its worker has done', async () => {
    await start();
    expect(await models()).toMatchObject([
      { id: MODEL, state: 'unloaded', present: true, memory_bytes: null, error: null },
    ]);
    expect(await workers()).toEqual([]);
    const prompt = 'so '.repeat(600);
    for (const _ of [1, 2]) expect((await chat(prompt)).status).toBe(200);
    await expect
      .poll(async () => (await workers())[0]?.prefix_cache?.memory_bytes ?? 0, { timeout: SOON_MS })
      .toBeGreaterThan(0);
    const [worker] = await workers();
    expect(worker).toMatchObject({
      model: MODEL,
      state: 'ready',
      healthy: true,
      restarts: 0,
      circuit: { state: 'closed', failures: 0 },
      last_crash: null,
      requests: { running: 0, waiting: 0 },
      prefix_cache: { prompts: 2, hits: 1 },
      seconds_since_progress: 0,
    });
    expect(worker?.prefix_cache?.cached_tokens).toBeGreaterThan(500);
    expect(worker?.steps).toBeGreaterThan(8);
    expect(worker?.memory?.active_bytes).toBeGreaterThan(300_000);
    expect(worker?.memory?.peak_bytes).toBeGreaterThanOrEqual(worker?.memory?.active_bytes ?? 0);
    const [model] = await models();
    expect(model?.memory_bytes).toBe(
      (worker?.memory?.active_bytes ?? 0) + (worker?.memory?.cache_bytes ?? 0),
    );
    expect(model?.disk_bytes).toBeGreaterThan(300_000);
    expect(model?.estimated_bytes).toBeGreaterThan(300_000);
    // What outside checks read.
    expect(adminStatusSchema.parse(await read('/admin/status'))).toMatchObject({
      status: 'running',
      model: { loaded: true, name: MODEL },
      models: [{ id: MODEL, state: 'ready', memory_bytes: model?.memory_bytes }],
      worker: { healthy: true, status: 'ready' },
    });
  });

  test('a worker that died tells of it after it was replaced', async () => {
    await start();
    await chat('hello');
    const [first] = await workers();
    process.kill(first?.pid ?? 0, 'SIGKILL');
    expect((await chat('hello')).status).toBe(200);
    const [second] = await workers();
    expect(second).toMatchObject({
      state: 'ready',
      restarts: 1,
      circuit: { state: 'closed', failures: 1 },
      last_crash: { reason: expect.stringContaining('SIGKILL') },
    });
    expect(second?.pid).not.toBe(first?.pid);
    expect(second?.last_crash?.log.at(-1)).toContain('loaded in');
  });
});

test('an open circuit: the client is told why, and nothing of the machine', async () => {
  await start({ models: [], config: { env: { HF_TOKEN: 'hf_thisIsVerySecret' } } });
  const folder = path.join(agent.root, 'shared', 'models', MODEL);
  await cp(await testModel(MODEL), folder, { recursive: true });
  await writeFile(path.join(folder, 'model.safetensors'), 'these are no weights');
  await expect
    .poll(
      async () => {
        // Not by hand, which would close a circuit that has just opened.
        await chat('hello');
        return (await workers())[0]?.circuit.state;
      },
      { timeout: 150_000 },
    )
    .toBe('open');
  const refused = await chat('hello');
  const text = await refused.text();
  const { error } = openAiErrorSchema.parse(JSON.parse(text));
  expect([refused.status, error.code]).toEqual([503, 'worker_broken']);
  expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(200);
  expect(error.message).toMatch(
    /^The worker of model 'tiny-text' failed 5 times in a row and rests: .*header/,
  );
  for (const secret of [agent.root, '/tmp', 'hf_thisIsVerySecret', process.env['HOME'] ?? '/root'])
    expect(text).not.toContain(secret);
  const [worker] = await workers();
  expect(worker).toMatchObject({ state: 'broken', pid: null, circuit: { state: 'open', failures: 5 } });
  expect(worker?.last_crash?.reason).toContain('header');
  expect(worker?.last_log.length).toBeGreaterThan(0);
  expect(await models()).toMatchObject([{ state: 'failed', error: expect.stringContaining('header') }]);
});

describe('a model that cannot be loaded', () => {
  const VECTORS = 'all-MiniLM-L6-v2';

  test('for a client it is an error of the request, and no state of the host', async () => {
    await start({ modelFolders: { [VECTORS]: await testModel(VECTORS) } });
    const answer = await fetch(`${agent.url}/v1/embeddings`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: VECTORS, input: 'x' }),
    });
    const { error } = openAiErrorSchema.parse(await answer.json());
    expect([answer.status, error.code]).toEqual([503, 'vision_environment_missing']);
    expect(adminStatusSchema.parse(await read('/admin/status'))).toMatchObject({
      models: [
        { id: VECTORS, state: 'unloaded', error: null },
        { id: MODEL, state: 'unloaded' },
      ],
      worker: { healthy: true, status: 'idle' },
    });
  });

  test('for the configuration it has failed, until it is there and loaded', async () => {
    await start({ config: { models: [{ id: 'ghost', preload: true }] } });
    // Looking for what is not there does not keep the agent from being ready.
    await expect.poll(statuses, { timeout: SOON_MS }).toMatchObject([
      { id: 'ghost', state: 'failed', error: expect.stringContaining('is not on this host') },
      { id: MODEL, state: 'unloaded' },
    ]);
    await cp(await testModel(MODEL), path.join(agent.root, 'shared', 'models', 'ghost'), { recursive: true });
    expect((await agent.admin('/admin/load', { model: 'ghost' })).status).toBe(200);
    expect(await statuses()).toMatchObject([{ id: 'ghost', state: 'ready', error: null }, { id: MODEL }]);
  });
});

test('draining finishes what runs and refuses the rest, until it is resumed', async () => {
  await start();
  const stream = await chat('go on', { ...ENDLESS, max_tokens: 600 });
  const drained = await agent.admin('/admin/drain', {});
  expect(await drained.json()).toMatchObject({ status: 'draining', requests: { running: 1 } });
  const refused = await chat('hello');
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '30']);
  expect(await refused.json()).toMatchObject({ error: { code: 'draining' } });
  expect((await fetch(`${agent.url}/ready`)).status).toBe(503);
  expect(await stream.text()).toMatch(/data: \[DONE\]\s*$/);
  expect(await (await agent.admin('/admin/drain', {})).json()).toEqual({
    status: 'draining',
    requests: { running: 0, waiting: 0 },
  });
  // The socket needs no token.
  const socketPath = path.join(agent.root, 'run', 'admin.sock');
  const request = http.request({ socketPath, path: '/admin/resume', method: 'POST' });
  request.end();
  const [response] = await once(request, 'response');
  response.resume();
  expect(response.statusCode).toBe(200);
  expect((await chat('hello')).status).toBe(200);
});

const ID = 'org/pulled';

async function startWithHub(): Promise<LoopbackHub> {
  hub = await startLoopbackHub({ [ID]: await testModel(MODEL) });
  await start({ models: [], config: { env: { HF_ENDPOINT: hub.url } } });
  return hub;
}

async function begin(model: string, signal?: AbortSignal): Promise<Response> {
  const token = await readFile(path.join(agent.root, 'shared', 'admin-token'), 'utf8');
  return await fetch(`${agent.adminUrl}/admin/models/pull`, {
    method: 'POST',
    headers: { 'x-admin-token': token.trim(), 'content-type': 'application/json' },
    body: JSON.stringify({ model }),
    ...(signal === undefined ? {} : { signal }),
  });
}

async function events(response: Response): Promise<AdminPullEvent[]> {
  const lines = (await response.text()).trimEnd().split('\n');
  return lines.map((line) => adminPullEventSchema.parse(JSON.parse(line)));
}

/** How often the weights were asked for. */
function downloads({ requests }: LoopbackHub): number {
  return requests.filter((line) => /^GET .*\/model\.safetensors$/.test(line)).length;
}

/** Status, code and message of a pull that fails at once. */
async function refusal(model: string): Promise<unknown> {
  const response = await begin(model);
  const { error } = openAiErrorSchema.parse(await response.json());
  expect(error.message).not.toContain(agent.root);
  return [response.status, error.code, error.message];
}

describe('pulling from a hub', () => {
  test('two clients share one download, and the model serves', async () => {
    const remote = await startWithHub();
    const release = remote.hold();
    const [first, second] = await Promise.all([begin(ID), begin(ID)]);
    await expect
      .poll(async () => (await models())[0]?.download?.bytes ?? 0, { timeout: SOON_MS })
      .toBeGreaterThan(0);
    expect(await models()).toMatchObject([{ id: ID, present: false, state: 'unloaded' }]);
    release();
    for (const each of [await events(first), await events(second)]) {
      expect(each[0]).toMatchObject({ event: 'progress', total_bytes: expect.any(Number) });
      expect(each.at(-1)).toMatchObject({ event: 'done', model: ID });
    }
    expect(downloads(remote)).toBe(1);
    expect(await models()).toMatchObject([{ id: ID, present: true, download: null, error: null }]);
    expect((await chat('hello', { model: ID })).status).toBe(200);
    expect(await events(await begin(ID))).toMatchObject([{ event: 'done', model: ID }]);
  });

  test('a client that leaves ends it when nobody else waits; the next one begins anew', async () => {
    const remote = await startWithHub();
    const release = remote.hold();
    const abort = new AbortController();
    // Held, since a response that nobody has any more is cancelled by the garbage collector.
    const response = await begin(ID, abort.signal);
    await expect.poll(() => downloads(remote), { timeout: SOON_MS }).toBe(1);
    expect(response.status).toBe(200);
    abort.abort();
    await expect.poll(models, { timeout: SOON_MS }).toEqual([]);
    release();
    expect((await events(await begin(ID))).at(-1)).toMatchObject({ event: 'done' });
  });

  test('errors say what is wrong: no such model, no room, no hub', async () => {
    const remote = await startWithHub();
    expect(await refusal('org/unknown')).toEqual([
      404,
      'model_not_found',
      expect.stringContaining('does not have it'),
    ]);
    remote.claim(1e18);
    expect(await refusal(ID)).toEqual([
      507,
      'insufficient_storage',
      expect.stringMatching(/takes 1000000000\.0 GB more/),
    ]);
    await remote.close();
    hub = undefined;
    expect(await refusal(ID)).toEqual([
      503,
      'hub_unreachable',
      expect.stringContaining('could not be reached'),
    ]);
  });

  test('an agent that stops takes the download with it', async () => {
    const remote = await startWithHub();
    remote.hold();
    const response = await begin(ID);
    await expect.poll(() => downloads(remote), { timeout: SOON_MS }).toBe(1);
    agent.process.kill('SIGTERM');
    expect((await events(response)).at(-1)).toMatchObject({ event: 'failed' });
    await expect.poll(async () => await isAlive(agent.pid), { timeout: SOON_MS }).toBe(false);
  });
});
