import { expect, test } from 'vitest';
import { modelIdSchema } from './model-id.ts';

test.each([
  'm',
  'tiny-text',
  'mlx-community/Qwen2.5-0.5B-Instruct-4bit',
  'My model @ home+1',
  '_private/v1.0',
  'a'.repeat(200),
])('%j is an id', (id) => {
  expect(modelIdSchema.safeParse(id).success).toBe(true);
});

test.each([
  '',
  '.',
  '..',
  '../../etc',
  'a/..',
  'a..b',
  '/etc',
  'a/',
  'a//b',
  'a/b/c',
  '.hidden',
  'a/.hidden',
  '-flag',
  'ends.',
  'ends ',
  'ends./b',
  String.raw`a\b`,
  'a\nb',
  'm\n',
  'módel',
  'a'.repeat(201),
])('%j is none', (id) => {
  expect(modelIdSchema.safeParse(id).success).toBe(false);
});
