import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { ModelCatalog, weightBytes } from './catalog.ts';

const root = mkdtempSync(path.join(tmpdir(), 'catalog-'));
const models = path.join(root, 'models');
const hub = path.join(models, 'hub', 'hub');

function write(file: string, text = '{}'): void {
  mkdirSync(path.dirname(file), { recursive: true });
  writeFileSync(file, text);
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
  write(path.join(hub, 'models--org--partial', 'refs', 'main'), 'abc123');
  write(path.join(hub, 'models--org--climbs', 'refs', 'main'), '../../../../../outside');
});
afterAll(() => {
  rmSync(root, { recursive: true, force: true });
});

const catalog = new ModelCatalog(models, [hub, path.join(models, 'hub'), '/nonexistent']);

test('lists folders with a config.json and complete cached models', async () => {
  const found = await catalog.list();
  expect(found.map(({ id }) => id)).toEqual(['org/name', 'plain']);
  expect(found[1]?.path).toBe(path.join(models, 'plain'));
});

test.each(['../outside', 'empty', 'file', '.hidden', 'hub', 'org/climbs', 'org/partial', 'nothing', '/etc'])(
  '%s is not found',
  async (id) => {
    expect(await catalog.find(id)).toBeNull();
  },
);

test('the weights are the safetensors files', async () => {
  expect(await weightBytes(path.join(models, 'plain'))).toBe(8);
  expect(await weightBytes('/nonexistent')).toBe(0);
});
