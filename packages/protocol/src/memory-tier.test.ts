import { expect, test } from 'vitest';
import { memoryTier } from './memory-tier.ts';

const GIB = 1024 ** 3;

test.each([
  [128, 600, 108, 1024],
  [64, 600, 44, 1024],
  [32, 300, 24, 768],
  [24, 300, 16, 768],
  [16, 180, 12, 512],
  [6, 180, 3, 512],
])(
  'a host of %i GB unloads after %i s, gives models %i GB and shows them images of %i pixels',
  (total, idle, limit, side) => {
    expect(memoryTier(total * GIB)).toEqual({
      idleTimeoutSeconds: idle,
      memoryLimitBytes: limit * GIB,
      imageMaxSide: side,
    });
  },
);

test('a machine reports a little less than it was sold with', () => {
  expect(memoryTier(63.7 * GIB).idleTimeoutSeconds).toBe(600);
});
