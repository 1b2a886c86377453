import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { safetensors } from '../../test-support/safetensors.ts';
import { tensorNames } from './tensor-names.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'tensors-'));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

function write(file: string, content: string | Buffer): void {
  writeFileSync(path.join(folder, file), content);
}

test('the index names the tensors', async () => {
  write('model.safetensors.index.json', JSON.stringify({ weight_map: { a: 'x', b: 'y' } }));
  write('model.safetensors', safetensors(['c']));
  expect(await tensorNames(folder)).toEqual(['a', 'b']);
});

test('without an index the headers of all files do', async () => {
  write('model-00001-of-00002.safetensors', safetensors(['a', 'b']));
  write('model-00002-of-00002.safetensors', safetensors(['c']));
  expect((await tensorNames(folder)).toSorted()).toEqual(['a', 'b', 'c']);
});

test('what cannot be read names nothing', async () => {
  expect(await tensorNames(path.join(folder, 'nothing'))).toEqual([]);
  write('empty.safetensors', '');
  write('cut.safetensors', safetensors(['a']).subarray(0, 12));
  write('text.safetensors', 'this is no header of anything at all');
  const huge = Buffer.alloc(16);
  huge.writeBigUInt64LE(2n ** 40n);
  write('huge.safetensors', huge);
  expect(await tensorNames(folder)).toEqual([]);
});
