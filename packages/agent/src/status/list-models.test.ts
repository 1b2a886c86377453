import { rmSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { readAdmin, writeAdmin } from '../test-support/admin-api.ts';
import { agentsForTests, chat, eventually, type TestAgent } from '../test-support/test-agent.ts';

const start = agentsForTests();

async function askFor(agent: TestAgent, model: string): Promise<void> {
  expect((await agent.post('/v1/chat/completions', chat('a', { model }))).status).toBe(503);
}

test.each(['load_error', 'crash_on_load'])(
  'a failed load (%s) is a trouble of the host only where the configuration names the model',
  async (trouble) => {
    const fake = { [trouble]: trouble === 'load_error' ? 'bad weights' : true };
    const agent = await start({
      models: { listed: fake, base: fake, stray: fake },
      config: { models: [{ id: 'listed' }, { id: 'mine', base: 'base', adapter: 'lora' }] },
    });
    await askFor(agent, 'stray');
    const stray = { id: 'stray', state: 'failed', wanted: false };
    await eventually(async () => {
      const { pool } = agent.services;
      return pool.peek('stray')?.status().state === 'failed';
    }, 'it has failed');
    expect(await readAdmin(agent, '/admin/status')).toMatchObject({
      models: [{ id: 'base', wanted: true }, { id: 'listed', wanted: true }, stray],
      worker: { healthy: true },
    });
    await askFor(agent, 'listed');
    expect(await readAdmin(agent, '/admin/status')).toMatchObject({
      models: [{ id: 'base' }, { id: 'listed', state: 'failed', wanted: true }, stray],
    });
  },
);

test('a failed model is forgotten when it is unloaded, or when its files are gone', async () => {
  const fake = { load_error: 'bad weights' };
  const agent = await start({
    models: { listed: fake, preloaded: fake, stray: fake },
    config: { models: [{ id: 'listed' }, { id: 'preloaded', preload: true }] },
  });
  await askFor(agent, 'listed');
  await askFor(agent, 'stray');
  expect((await writeAdmin(agent, '/admin/unload', { model: 'stray' })).status).toBe(200);
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({
    models: [
      { id: 'listed', state: 'failed' },
      { id: 'preloaded' },
      { id: 'stray', state: 'unloaded', error: null },
    ],
  });
  await askFor(agent, 'stray');
  for (const id of ['listed', 'preloaded', 'stray']) {
    rmSync(path.join(agent.root, 'shared', 'models', id), { recursive: true });
  }
  expect(await readAdmin(agent, '/admin/status')).toMatchObject({
    models: [{ id: 'preloaded', wanted: true }],
  });
});
