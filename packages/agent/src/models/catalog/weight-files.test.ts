import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { holdsAllWeights, weightBytes } from './weight-files.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'weights-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, text: string): void {
  writeFileSync(path.join(folder, file), text);
}

test('the weights are the safetensors files', async () => {
  write('config.json', '{}');
  expect([await weightBytes(folder), await holdsAllWeights(folder)]).toEqual([0, false]);
  write('model.safetensors', '12345');
  write('model-2.safetensors', '123');
  expect([await weightBytes(folder), await holdsAllWeights(folder)]).toEqual([8, true]);
  expect([await weightBytes('/nonexistent'), await holdsAllWeights('/nonexistent')]).toEqual([0, false]);
});

test('an index names what has to be there; a broken one says nothing', async () => {
  write(
    'model.safetensors.index.json',
    JSON.stringify({ weight_map: { a: 'a.safetensors', b: 'b.safetensors' } }),
  );
  write('a.safetensors', '');
  expect(await holdsAllWeights(folder)).toBe(false);
  write('b.safetensors', '');
  expect(await holdsAllWeights(folder)).toBe(true);
  rmSync(path.join(folder, 'b.safetensors'));
  write('model.safetensors.index.json', '{"weight_map":');
  expect(await holdsAllWeights(folder)).toBe(true);
});

test('without an index, parts say how many they are', async () => {
  write('model-00001-of-00002.safetensors', '');
  expect(await holdsAllWeights(folder)).toBe(false);
  write('model-00002-of-00002.safetensors', '');
  expect(await holdsAllWeights(folder)).toBe(true);
});
