import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type AdminModel, adminModelsSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { readAdmin, writeAdmin } from '../../test-support/admin-api.ts';
import { chat, eventually, agentsForTests, type TestAgent } from '../../test-support/test-agent.ts';

const start = agentsForTests();

async function models(agent: TestAgent): Promise<AdminModel[]> {
  return adminModelsSchema.parse(await readAdmin(agent, '/admin/models')).models;
}

test('what is on disk, with its size and what it is thought to take and takes', async () => {
  const agent = await start({ models: { m: { weights: 1000 }, other: {} } });
  expect(await models(agent)).toMatchObject([
    { id: 'm', state: 'unloaded', present: true, memory_bytes: null, last_used_at: null },
    { id: 'other', state: 'unloaded', present: true },
  ]);
  expect((await agent.post('/v1/chat/completions', chat('tokens=1'))).status).toBe(200);
  const [used, other] = await models(agent);
  expect(used).toMatchObject({
    id: 'm',
    state: 'ready',
    task: 'generate',
    base: null,
    adapter: null,
    aliases: [],
    draft: null,
    preload: false,
    pinned: false,
    disk_bytes: 1000 + '{"fake":{"weights":1000}}'.length,
    estimated_bytes: 1050,
    memory_bytes: 1_000_000,
    download: null,
    error: null,
  });
  expect(Date.parse(used?.last_used_at ?? '')).toBeGreaterThan(Date.now() - 60_000);
  expect(other?.disk_bytes).toBe('{"fake":{}}'.length);
});

test('what the configuration says of them', async () => {
  const configured = [
    { id: 'm', pin: true, preload: true, draft: 'small' },
    { id: 'small', ttl_seconds: 7 },
    { id: 'mine', base: 'small', adapter: 'lora' },
  ];
  const agent = await start({ models: { small: {} }, config: { models: configured } });
  const adapter = path.join(agent.root, 'shared', 'adapters', 'lora');
  mkdirSync(adapter, { recursive: true });
  writeFileSync(path.join(adapter, 'adapter_config.json'), '{}');
  writeFileSync(path.join(adapter, 'adapters.safetensors'), 'four');
  expect(await models(agent)).toMatchObject([
    {
      id: 'm',
      present: false,
      // Before or after it could not be preloaded.
      error: expect.stringMatching(/^(it|The model 'm') is not on this host/),
      pinned: true,
      preload: true,
      idle_timeout_seconds: null,
      draft: 'small',
      task: null,
      disk_bytes: null,
      estimated_bytes: null,
    },
    { id: 'mine', present: true, base: 'small', adapter: 'lora', disk_bytes: 6, aliases: [] },
    { id: 'small', present: true, aliases: ['mine'], idle_timeout_seconds: 7 },
  ]);
});

test('why a model cannot be used', async () => {
  const agent = await start({
    models: { m: { load_error: 'no tokenizer in /opt/models/m' } },
    config: { models: [{ id: 'mine', base: 'm', adapter: 'lora' }] },
  });
  expect((await agent.post('/v1/chat/completions', chat('a'))).status).toBe(503);
  expect(await models(agent)).toMatchObject([
    { id: 'm', state: 'failed', present: true, error: /no tokenizer in \/opt\/models\/m/ },
    {
      id: 'mine',
      state: 'unloaded',
      present: false,
      error: /its adapter is not on this host: shared\/adapters\/lora/,
    },
  ]);
});

test('a model that is being fetched, and how far it is', async () => {
  const agent = await start({ models: {}, config: { env: {} } });
  const abort = new AbortController();
  const response = await writeAdmin(agent, '/admin/models/pull', { model: 'org/endless' }, abort.signal);
  expect(response.status).toBe(200);
  await eventually(async () => (await models(agent))[0]?.download?.bytes === 2, 'it has told how far it is');
  expect(await models(agent)).toMatchObject([
    { id: 'org/endless', present: false, error: null, download: { bytes: 2, total_bytes: 9 } },
  ]);
  abort.abort();
  await eventually(async () => (await models(agent)).length === 0, 'it is forgotten');
});
