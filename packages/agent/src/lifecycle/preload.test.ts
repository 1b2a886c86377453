import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { adminModelsSchema, type ModelStatus, adminStatusSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { readAdmin, writeAdmin } from '../test-support/admin-api.ts';
import { memoryReading } from '../test-support/memory-reading.ts';
import { agentsForTests, chat, eventually, type TestAgent } from '../test-support/test-agent.ts';

const start = agentsForTests();

function addModel(agent: TestAgent, id: string, config: object): void {
  const folder = path.join(agent.root, 'shared', 'models', id);
  mkdirSync(folder, { recursive: true });
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
}

async function models(agent: TestAgent): Promise<ModelStatus[]> {
  return adminStatusSchema.parse(await readAdmin(agent, '/admin/status')).models;
}

async function isRunning(agent: TestAgent): Promise<void> {
  await eventually(() => agent.services.lifecycle.phase === 'running', 'it has tried what it preloads');
}

describe('what the configuration wants loaded and cannot be', () => {
  test.each(['preload', 'pin'])('a model that is not there is told as failed: %s', async (wish) => {
    const agent = await start({ config: { models: [{ id: 'ghost', [wish]: true }, { id: 'other' }] } });
    await isRunning(agent);
    const failed = {
      id: 'ghost',
      state: 'failed',
      pinned: wish === 'pin',
      memory_bytes: null,
      error: "The model 'ghost' is not on this host, which has: m.",
    };
    await eventually(async () => (await models(agent)).length === 2, 'it is told of');
    expect(await models(agent)).toMatchObject([failed, { id: 'm', state: 'unloaded', error: null }]);
    const known = adminModelsSchema.parse(await readAdmin(agent, '/admin/models'));
    expect(known.models).toMatchObject([
      { ...failed, present: false },
      { id: 'm' },
      {
        id: 'other',
        state: 'unloaded',
        error: `it is not on this host: copy it to ${agent.root}/shared/models/other`,
      },
    ]);
    // There is nothing more to say against it as soon as it is there, and it is loaded like any other.
    addModel(agent, 'ghost', { fake: {} });
    expect(await models(agent)).toMatchObject([{ id: 'ghost', state: 'unloaded', error: null }, { id: 'm' }]);
    expect((await writeAdmin(agent, '/admin/load', { model: 'ghost' })).status).toBe(200);
    expect(await models(agent)).toMatchObject([{ id: 'ghost', state: 'ready', error: null }, { id: 'm' }]);
  });

  test('a client that asks for what is not there and nobody wants leaves nothing behind', async () => {
    const agent = await start({ config: { models: [{ id: 'other' }] } });
    for (const model of ['ghost', 'other']) {
      expect((await agent.post('/v1/chat/completions', chat('a', { model }))).status).toBe(404);
    }
    expect(await models(agent)).toMatchObject([{ id: 'm', state: 'unloaded' }]);
  });

  test('a model that the hub does not have says so; one that is being fetched has not failed', async () => {
    const agent = await start({
      config: {
        env: {},
        models: [
          { id: 'org/missing', preload: true },
          { id: 'org/endless', preload: true },
        ],
      },
    });
    await eventually(async () => (await models(agent))[1]?.state === 'failed', 'the hub has answered');
    expect(await models(agent)).toMatchObject([
      { id: 'm' },
      { id: 'org/missing', state: 'failed', error: /'org\/missing' is not on this host, and/ },
    ]);
  });

  test('an embedding model on a host without the vision environment', async () => {
    const agent = await start({
      config: { models: [{ id: 'vectors', preload: true }] },
      overrides: { worker: { python: '/bin/false', source: '/', visionPython: null } },
    });
    addModel(agent, 'vectors', { model_type: 'bert' });
    await isRunning(agent);
    expect(await models(agent)).toMatchObject([
      { id: 'm' },
      { id: 'vectors', state: 'failed', error: /set vision: true in the inventory/ },
    ]);
    expect(await readAdmin(agent, '/admin/workers')).toEqual({ workers: [] });
  });

  test.each(['preload', 'pin'])('a model without room, until there is some: %s', async (wish) => {
    let availableBytes = 0;
    const agent = await start({
      config: { models: [{ id: 'm', [wish]: true }] },
      overrides: { readMemory: async () => memoryReading({ availableBytes }) },
    });
    await isRunning(agent);
    expect(await models(agent)).toMatchObject([{ id: 'm', state: 'failed', error: /0\.0 GB to give/ }]);
    availableBytes = 8e9;
    expect((await agent.post('/v1/chat/completions', chat('tokens=1'))).status).toBe(200);
    expect(await models(agent)).toMatchObject([{ id: 'm', state: 'ready', error: null }]);
  });
});
