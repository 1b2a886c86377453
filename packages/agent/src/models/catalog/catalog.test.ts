import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { safetensors } from '../../test-support/safetensors.ts';
import { ModelCatalog } from './catalog.ts';

const root = mkdtempSync(path.join(tmpdir(), 'catalog-'));
const models = path.join(root, 'models');
const hub = path.join(models, 'hub', 'hub');

function write(file: string, text = '{}'): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
}

/** A model of the hub's cache. */
function snapshot(name: string, files: Readonly<Record<string, string>>): void {
  write(path.join(hub, `models--org--${name}`, 'refs', 'main'), 'abc123');
  for (const [file, text] of Object.entries({ 'config.json': '{}', ...files })) {
    write(path.join(hub, `models--org--${name}`, 'snapshots', 'abc123', file), text);
  }
}

function index(...shards: string[]): string {
  const entries = shards.map((shard, layer) => [`layer.${String(layer)}`, `${shard}.safetensors`]);
  return JSON.stringify({ metadata: {}, weight_map: Object.fromEntries(entries) });
}

beforeAll(() => {
  write(path.join(models, 'plain', 'config.json'));
  write(path.join(models, 'plain', 'model.safetensors'), '12345');
  write(path.join(models, 'plain', 'model-2.safetensors'), '123');
  write(path.join(models, 'empty', 'other.json'));
  write(path.join(models, '.hidden', 'config.json'));
  write(path.join(models, 'file'));
  write(path.join(root, 'outside', 'config.json'));
  write(path.join(hub, 'models--org--name', 'refs', 'main'), 'abc123\n');
  mkdirSync(path.join(hub, 'models--org--name', 'snapshots', 'abc123'), { recursive: true });
  write(path.join(hub, 'models--org--name', 'blobs', 'x'));
  symlinkSync('../../blobs/x', path.join(hub, 'models--org--name', 'snapshots', 'abc123', 'config.json'));
  write(path.join(hub, 'models--org--name', 'snapshots', 'abc123', 'model.safetensors'));
  write(path.join(hub, 'models--org--partial', 'refs', 'main'), 'abc123');
  snapshot('config-only', {});
  snapshot('marked', { 'model.safetensors': '' });
  write(path.join(hub, 'models--org--marked', '.mlxfleet-incomplete'), '');
  snapshot('shard-missing', { 'a.safetensors': '', 'model.safetensors.index.json': index('a', 'b') });
  symlinkSync(
    '../../blobs/not-yet',
    path.join(hub, 'models--org--shard-missing', 'snapshots', 'abc123', 'b.safetensors'),
  );
  snapshot('index-missing', { 'model-00001-of-00002.safetensors': '' });
  snapshot('sharded', {
    'a.safetensors': '',
    'b.safetensors': '',
    'model.safetensors.index.json': index('a', 'b', 'a'),
  });
  snapshot('counted', { 'model-00001-of-00002.safetensors': '', 'model-00002-of-00002.safetensors': '' });
  for (const file of ['adapter_config.json', 'adapters.safetensors'])
    write(path.join(root, 'adapters', 'lora', file));
  write(path.join(root, 'adapters', 'half', 'adapter_config.json'));
  write(path.join(hub, 'models--org--climbs', 'refs', 'main'), '../../../../../outside');
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const caches = [hub, path.join(models, 'hub'), '/nonexistent'];
const adapters = path.join(root, 'adapters');
const catalog = new ModelCatalog({ models, caches, adapters, aliases: [], hasVisionEnvironment: true });

test('lists folders with a config.json and complete cached models', async () => {
  const found = await catalog.list();
  expect(found.map(({ id }) => id)).toEqual(['org/counted', 'org/name', 'org/sharded', 'plain']);
  expect(found.at(-1)?.path).toBe(path.join(models, 'plain'));
});

test.each([
  '../outside',
  'empty',
  'file',
  '.hidden',
  'hub',
  'org/climbs',
  'org/partial',
  'org/config-only',
  'org/marked',
  'org/shard-missing',
  'org/index-missing',
  'nothing',
  '/etc',
])('%s is not found', async (id) => {
  expect(await catalog.find(id)).toBeNull();
});

test('an embedding model is told by its files', async () => {
  expect((await catalog.find('plain'))?.task).toBe('generate');
  write(path.join(models, 'vectors', 'config.json'), '{"model_type":"qwen3"}');
  write(path.join(models, 'vectors', 'modules.json'), '[{"type":"sentence_transformers.models.Pooling"}]');
  expect((await catalog.find('vectors'))?.task).toBe('embed');
  write(path.join(models, 'vectors', 'modules.json'), 'no JSON');
  write(path.join(models, 'vectors', 'config.json'), '{"model_type":"bert"}');
  expect((await catalog.find('vectors'))?.task).toBe('embed');
  rmSync(path.join(models, 'vectors'), { recursive: true });
});

test('a vision model is told by its weights: text conversions keep its config.json', async () => {
  const on = (hasVisionEnvironment: boolean) =>
    new ModelCatalog({ models, caches, adapters, aliases: [], hasVisionEnvironment });
  write(path.join(models, 'seeing', 'config.json'), '{"model_type":"idefics3","vision_config":{}}');
  const weights = path.join(models, 'seeing', 'model.safetensors');
  writeFileSync(weights, safetensors(['language_model.lm_head.weight']));
  expect((await on(true).find('seeing'))?.task).toBe('generate');
  writeFileSync(weights, safetensors(['language_model.lm_head.weight', 'vision_tower.blocks.0.weight']));
  expect((await on(true).find('seeing'))?.task).toBe('vision');
  expect((await on(false).find('seeing'))?.task).toBe('vision');
  write(path.join(models, 'seeing', 'config.json'), '{"model_type":"gemma3","vision_config":{}}');
  expect((await on(true).find('seeing'))?.task).toBe('vision');
  expect((await on(false).find('seeing'))?.task).toBe('generate');
  rmSync(path.join(models, 'seeing'), { recursive: true });
});

describe('aliases', () => {
  const aliased = new ModelCatalog({
    models,
    caches,
    adapters,
    hasVisionEnvironment: true,
    aliases: [
      { id: 'mine', base: 'plain', adapter: 'lora' },
      { id: 'org/mine', base: 'org/name', adapter: 'lora' },
      { id: 'half', base: 'plain', adapter: 'half' },
      { id: 'baseless', base: 'org/partial', adapter: 'lora' },
      { id: 'empty', base: 'plain', adapter: 'lora' },
    ],
  });

  test('are listed and found with what is behind them', async () => {
    expect((await aliased.list()).map(({ id, base }) => [id, base])).toEqual([
      ['empty', 'plain'],
      ['mine', 'plain'],
      ['org/counted', null],
      ['org/mine', 'org/name'],
      ['org/name', null],
      ['org/sharded', null],
      ['plain', null],
    ]);
    expect(await aliased.find('mine')).toMatchObject({
      id: 'mine',
      path: path.join(models, 'plain'),
      base: 'plain',
      adapterPath: path.join(adapters, 'lora'),
    });
  });

  test('say what is missing', async () => {
    expect(await aliased.find('half')).toBeNull();
    expect(await aliased.aliasProblem('half')).toMatch(
      /shared\/adapters\/half has to hold adapter_config.json and/,
    );
    expect(await aliased.find('baseless')).toBeNull();
    expect(await aliased.aliasProblem('baseless')).toBe("its base 'org/partial' is not on this host");
    expect(await aliased.aliasProblem('mine')).toBeNull();
    expect(await aliased.aliasProblem('plain')).toBeNull();
  });
});
