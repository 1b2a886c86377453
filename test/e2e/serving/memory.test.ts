import { execFileSync } from 'node:child_process';
import { cp } from 'node:fs/promises';
import path from 'node:path';
import {
  type AdminModel,
  adminModelsSchema,
  type AdminWorker,
  adminWorkersSchema,
  openAiErrorSchema,
} from '@mlxfleet/protocol';
import { afterEach, expect, test } from 'vitest';
import { type AgentProcess, isAlive, startAgent } from '../../support/agent-process.ts';
import { testModel } from '../../support/test-model.ts';

/** What each model is said to need for its prefixes makes one of them fit, and not two. */
const PREFIX_BYTES = 60_000_000;
const ONE_BYTES = 100_000_000;
const TWO_BYTES = 160_000_000;

const NAMES = ['a', 'b', 'c'];
/** Bytes that an interpreter may keep for itself between two models. */
const KEPT_BYTES = 40_000_000;

let current: AgentProcess | undefined;
afterEach(async () => {
  await current?.stop();
  current = undefined;
});

/** An agent with three small models. */
async function start(limitBytes: number, more: Readonly<Record<string, object>> = {}): Promise<AgentProcess> {
  const agent = await startAgent({
    models: [],
    config: {
      memory_limit_bytes: limitBytes,
      models: NAMES.map((id) => {
        return { id, prefix_cache: { memory_bytes: PREFIX_BYTES, disk_bytes: 0 }, ...more[id] };
      }),
    },
  });
  current = agent;
  for (const name of NAMES) {
    await cp(await testModel('tiny-text'), path.join(agent.root, 'shared', 'models', name), {
      recursive: true,
    });
  }
  return agent;
}

async function ask(agent: AgentProcess, model: string, more: object = {}): Promise<Response> {
  return await fetch(`${agent.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }], max_tokens: 8, ...more }),
  });
}

/** Every model is asked once, one after the other. */
async function use(agent: AgentProcess, ...names: readonly string[]): Promise<void> {
  for (const model of names) expect((await ask(agent, model)).status).toBe(200);
}

async function workers(agent: AgentProcess): Promise<AdminWorker[]> {
  const answer: unknown = await (await fetch(`${agent.adminUrl}/admin/workers`)).json();
  return adminWorkersSchema.parse(answer).workers;
}

async function models(agent: AgentProcess): Promise<AdminModel[]> {
  const answer: unknown = await (await fetch(`${agent.adminUrl}/admin/models`)).json();
  return adminModelsSchema.parse(answer).models;
}

async function ready(agent: AgentProcess): Promise<string[]> {
  return (await models(agent)).filter(({ state }) => state === 'ready').map(({ id }) => id);
}

async function pidOf(agent: AgentProcess, model: string): Promise<number> {
  return (await workers(agent)).find((worker) => worker.model === model)?.pid ?? 0;
}

/** Resident bytes of a process and of all that descend from it. */
function residentBytes(root: number): number {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid=,rss='], { encoding: 'utf8' });
  const rows = table
    .trim()
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number));
  const family = new Set([root]);
  // Children may stand before their parents.
  for (let size = 0; size !== family.size;) {
    size = family.size;
    for (const [pid = 0, parent = 0] of rows) if (family.has(parent)) family.add(pid);
  }
  return rows.reduce((sum, [pid = 0, , kilobytes = 0]) => sum + (family.has(pid) ? kilobytes * 1024 : 0), 0);
}

test('the model used longest ago makes room, whichever was loaded first, and its process is gone', async () => {
  const agent = await start(TWO_BYTES);
  await use(agent, 'a', 'b', 'a');
  const pid = await pidOf(agent, 'b');
  await use(agent, 'c');
  expect(await ready(agent)).toEqual(['a', 'c']);
  expect(await isAlive(pid)).toBe(false);
  const metrics = await (await fetch(`${agent.url}/metrics`)).text();
  expect(metrics).toContain('mlxfleet_model_evictions_total{model_name="b",reason="room"} 1');
  expect(metrics).not.toContain('mlxfleet_model_evictions_total{model_name="a"');
});

test('a pinned model stays, however long ago it was used', async () => {
  const agent = await start(TWO_BYTES);
  expect((await agent.admin('/admin/load', { model: 'a', pin: true })).status).toBe(200);
  const pid = await pidOf(agent, 'a');
  await use(agent, 'b', 'c');
  expect(await ready(agent)).toEqual(['a', 'c']);
  expect(await pidOf(agent, 'a')).toBe(pid);
});

test('where nothing can go the client is told why, and served when it can', async () => {
  const agent = await start(ONE_BYTES);
  const stream = await ask(agent, 'a', { max_tokens: 3000, logit_bias: { '2': -100 }, stream: true });
  const refuse = async (reason: RegExp): Promise<void> => {
    const refused = await ask(agent, 'b');
    const { error } = openAiErrorSchema.parse(await refused.json());
    const told = [refused.status, refused.headers.get('retry-after'), error.code];
    expect(told).toEqual([503, '10', 'memory_exhausted']);
    expect(error.message).toMatch(reason);
  };
  // Busy first, then pinned.
  await refuse(
    /^The model 'b' cannot be loaded: it needs about 0\.1 GB.*held by models that are busy or pinned/,
  );
  expect(await stream.text()).toContain('[DONE]');
  expect((await agent.admin('/admin/load', { model: 'a', pin: true })).status).toBe(200);
  await refuse(/busy or pinned/);
  await use(agent, 'a');
  expect((await agent.admin('/admin/unload', { model: 'a' })).status).toBe(200);
  await use(agent, 'b');
  expect(await ready(agent)).toEqual(['b']);
});

test('a model that can never fit is refused, and what is loaded stays', async () => {
  const agent = await start(ONE_BYTES, {
    c: { prefix_cache: { memory_bytes: 2 * ONE_BYTES, disk_bytes: 0 } },
  });
  await use(agent, 'a');
  const refused = await ask(agent, 'c');
  expect([refused.status, await refused.json()]).toMatchObject([
    503,
    {
      error: {
        code: 'memory_exhausted',
        message: /'c' cannot be loaded: it needs about 0\.2 GB, and models may use 0\.1 GB on this host/,
      },
    },
  ]);
  expect(await ready(agent)).toEqual(['a']);
});

test('models that fit together stay together, each within its share', async () => {
  const agent = await start(4 * ONE_BYTES);
  await Promise.all(['a', 'b'].map(async (model) => await use(agent, model)));
  expect(await ready(agent)).toEqual(['a', 'b']);
  await expect
    .poll(async () => (await workers(agent)).every(({ memory }) => memory !== null), { timeout: 60_000 })
    .toBe(true);
  const each = await workers(agent);
  const limits = each.map(({ memory_limit_bytes: limit }) => limit ?? Infinity);
  expect(limits.reduce((sum, limit) => sum + limit, 0)).toBeLessThanOrEqual(4 * ONE_BYTES);
  for (const [index, { memory }] of each.entries())
    expect(memory?.peak_bytes).toBeLessThan(limits[index] ?? 0);
  // What was thought before the load is no lower than what the model takes once it serves.
  const loaded = (await models(agent)).filter(({ state }) => state === 'ready');
  for (const model of loaded) expect(model.memory_bytes).toBeLessThan(model.estimated_bytes ?? 0);
});

test('unloading gives the memory back, again and again', async () => {
  const agent = await start(ONE_BYTES);
  await use(agent, 'a');
  const loaded = residentBytes(agent.pid);
  const unloaded: number[] = [];
  for (let round = 0; round < 4; round += 1) {
    await use(agent, 'a');
    const pid = await pidOf(agent, 'a');
    expect(await (await agent.admin('/admin/unload', { model: 'a' })).json()).toMatchObject({
      status: 'unloaded',
    });
    expect(await isAlive(pid)).toBe(false);
    unloaded.push(residentBytes(agent.pid));
  }
  const [first = 0, ...later] = unloaded;
  // The interpreter with its libraries and the model is what is gone.
  expect(loaded - first).toBeGreaterThan(100_000_000);
  for (const bytes of later) expect(bytes - first).toBeLessThan(KEPT_BYTES);
});

test('a model that nobody configured serves as many beside another as alone', async () => {
  current = await startAgent({ models: ['plain-text', 'tiny-text'] });
  const agent = current;
  await use(agent, 'plain-text', 'tiny-text');
  const long = { max_tokens: 1500, logit_bias: { '2': -100 } };
  const answers = await Promise.all(
    Array.from({ length: 8 }, async () => await ask(agent, 'tiny-text', long)),
  );
  expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
});
