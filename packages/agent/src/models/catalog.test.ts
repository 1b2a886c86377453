import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
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
  write(path.join(hub, 'models--org--climbs', 'refs', 'main'), '../../../../../outside');
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const catalog = new ModelCatalog(models, [hub, path.join(models, 'hub'), '/nonexistent']);

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
