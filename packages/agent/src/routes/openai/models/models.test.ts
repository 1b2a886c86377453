import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { agentsForTests, FAKE_WORKERS } from '../../../test-support/test-agent.ts';

const start = agentsForTests();

test('models tell what they take and give, in the list and one by one', async () => {
  const agent = await start({ models: { m: {}, seeing: { vision: true } } });
  const folder = path.join(agent.root, 'shared', 'models', 'vectors');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'config.json'), '{"model_type":"bert"}');
  const expected = [
    { id: 'm', architecture: { input_modalities: ['text'], output_modalities: ['text'] } },
    {
      id: 'seeing',
      architecture: { input_modalities: ['text', 'image', 'file'], output_modalities: ['text'] },
    },
    { id: 'vectors', architecture: { input_modalities: ['text'], output_modalities: ['embeddings'] } },
  ];
  const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
  expect(list).toMatchObject({ object: 'list', data: expected });
  for (const model of expected) {
    const one: unknown = await (await fetch(`${agent.url}/v1/models/${model.id}`)).json();
    expect(one).toMatchObject({ ...model, object: 'model', owned_by: 'mlxfleet' });
  }
});

test('what a host without the vision environment cannot serve takes nothing there', async () => {
  const agent = await start({
    models: { m: {}, seeing: { vision: true } },
    overrides: { worker: { ...FAKE_WORKERS, visionPython: null } },
  });
  const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
  expect(list).toMatchObject({
    data: [
      { id: 'm', architecture: { input_modalities: ['text'] } },
      { id: 'seeing', architecture: { input_modalities: [], output_modalities: ['text'] } },
    ],
  });
});
