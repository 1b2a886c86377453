import { readFile } from 'node:fs/promises';
import path from 'node:path';
import { expect, test } from 'vitest';
import { ERRORS } from './errors.ts';

const repository = path.resolve(import.meta.dirname, '../../..');

test.each(Object.entries(ERRORS))('%s is defined under its own code, for people', (key, definition) => {
  expect(definition.code).toBe(key);
  expect(definition.when).toMatch(/^\S.*\.$/);
  expect(definition.hint).toMatch(/\S/);
});

test('docs/errors.md is complete', async () => {
  const text = await readFile(path.join(repository, 'docs', 'errors.md'), 'utf8');
  const missing = Object.values(ERRORS).filter(
    ({ code, when }) => !text.includes(`\`${code}\``) || !text.includes(when.replaceAll('|', String.raw`\|`)),
  );
  expect(missing).toEqual([]);
});
