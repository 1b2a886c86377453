import { expect, test } from 'vitest';
import { sizeSchema } from './size.ts';

test.each([
  ['512MB', 512e6],
  ['8 GB', 8e9],
  ['1.5GiB', 1.5 * 1024 ** 3],
  ['off', 0],
  [false, 0],
  [0, 0],
  [4096, 4096],
])('%j is %d bytes', (text, bytes) => {
  expect(sizeSchema.parse(text)).toBe(bytes);
});

test.each(['', '8', '8G', '8gb', '-1GB', 'GB', 'on', true, -1, 0.5, null, '99999999999999TB', [], '8  GB'])(
  '%j is refused',
  (text) => {
    const parsed = sizeSchema.safeParse(text);
    expect(parsed.error?.issues[0]?.message).toMatch(/expected a size such as 512MB/);
  },
);
