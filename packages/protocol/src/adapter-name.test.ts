import { expect, test } from 'vitest';
import { adapterNameSchema } from './adapter-name.ts';

test.each(['lora', 'my-adapter_2.1', 'A', '0'.repeat(100)])('%s names an adapter', (name) => {
  expect(adapterNameSchema.safeParse(name).success).toBe(true);
});

test.each([
  '',
  '.',
  '..',
  '../x',
  'a/b',
  String.raw`a\b`,
  '/etc',
  'a..b',
  '.hidden',
  '~',
  'a\n',
  'a\0',
  'é',
  '0'.repeat(101),
])('%j does not', (name) => {
  expect(adapterNameSchema.safeParse(name).success).toBe(false);
});
