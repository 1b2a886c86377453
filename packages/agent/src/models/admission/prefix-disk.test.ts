import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { defaultDiskBytes, PrefixDisk } from './prefix-disk.ts';

let root = '';
beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'prefix-'));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

test.each([
  [19e9, 0, 0],
  [19e9, 1e9, 1e9],
  [100e9, 0, 5e9],
  [95e9, 5e9, 5e9],
  [4e12, 0, 8e9],
  [0, 0, 0],
])('with %d bytes free and %d of its own it may take %d', (free, own, bytes) => {
  expect(defaultDiskBytes(free, own)).toBe(bytes);
});

test('each model has a folder of its own, also those with names alike', async () => {
  const disk = new PrefixDisk(path.join(root, 'state', 'prefix-cache'));
  const folders = await Promise.all(
    ['org/name', 'org--name', 'org name', 'org_name', `a/${'x'.repeat(190)}`].map(
      async (id) => (await disk.settings(id, 1000)).disk_path,
    ),
  );
  expect(new Set(folders).size).toBe(5);
  for (const folder of folders) {
    expect(path.dirname(folder ?? '')).toBe(path.join(root, 'state', 'prefix-cache'));
    expect(path.basename(folder ?? '').length).toBeLessThan(256);
  }
});

test('turned off, it removes what was kept', async () => {
  const disk = new PrefixDisk(root);
  const { disk_path: folder } = await disk.settings('m', 1000);
  mkdirSync(path.join(folder ?? '', 'deep'), { recursive: true });
  writeFileSync(path.join(folder ?? '', 'deep', 'x'), 'kept');
  expect(await disk.settings('m', 0)).toEqual({ disk_path: null, disk_bytes: 0 });
  expect(existsSync(folder ?? '')).toBe(false);
});

test('what is left of models that are gone is removed', async () => {
  const disk = new PrefixDisk(root);
  for (const id of ['here', 'gone']) mkdirSync((await disk.settings(id, 1000)).disk_path ?? '');
  writeFileSync(path.join(root, 'stray'), '');
  await disk.removeOthers(['here']);
  expect(readdirSync(root)).toEqual([expect.stringMatching(/^here-/)]);
  await new PrefixDisk('/nonexistent/folder').removeOthers(['here']);
});
