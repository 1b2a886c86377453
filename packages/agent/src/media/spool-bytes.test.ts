import { expect, test } from 'vitest';
import { spoolBytes } from './spool-bytes.ts';

test('there is room for many requests, and always for one', () => {
  expect(spoolBytes({ max_images: 5, max_bytes: 10e6 })).toBe(1024 ** 3);
  expect(spoolBytes({ max_images: 50, max_bytes: 100e6 })).toBeGreaterThan(50 * 100e6);
});
