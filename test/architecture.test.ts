import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';

const checkout = path.dirname(import.meta.dirname);
const text = await readFile(path.join(checkout, 'ARCHITECTURE.md'), 'utf8');

/** Paths in the table that tells what to open. */
const named = text
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .flatMap((line) => [...(line.split('|')[2] ?? '').matchAll(/`([^` ]+)`/g)].map((match) => match[1] ?? ''));

test.each(named)('ARCHITECTURE.md: %s exists', async (name) => {
  const folder = path.join(checkout, path.dirname(name));
  const pattern = path
    .basename(name)
    .replaceAll('.', String.raw`\.`)
    .replaceAll('*', '.+');
  const names = existsSync(folder) ? await readdir(folder) : [];
  expect(names.filter((one) => new RegExp(`^${pattern}$`).test(one))).not.toEqual([]);
});

test.each([
  'packages/cli/src',
  'packages/agent/src',
  'packages/agent/src/models',
  'packages/agent/src/routes',
  'packages/agent/python/mlxfleet_worker',
  'packages/protocol/src',
])('ARCHITECTURE.md names the folders of %s', async (folder) => {
  const entries = await readdir(path.join(checkout, folder), { withFileTypes: true });
  const folders = entries
    .filter((entry) => entry.isDirectory() && !['test-support', '__pycache__'].includes(entry.name))
    .map(({ name }) => `${folder}/${name}/`);
  expect(folders.filter((one) => !named.some((name) => `${name}/`.startsWith(one)))).toEqual([]);
});
