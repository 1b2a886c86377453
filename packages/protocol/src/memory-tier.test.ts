import { expect, test } from 'vitest';
import { memoryTier } from './memory-tier.ts';

const GIB = 1024 ** 3;

test.each([
  [128, 600, 108],
  [64, 600, 44],
  [32, 300, 24],
  [24, 300, 16],
  [16, 180, 12],
  [6, 180, 3],
])('a host of %i GB unloads after %i s and gives models %i GB', (total, idle, limit) => {
  expect(memoryTier(total * GIB)).toEqual({ idleTimeoutSeconds: idle, memoryLimitBytes: limit * GIB });
});

test('a machine reports a little less than it was sold with', () => {
  expect(memoryTier(63.7 * GIB).idleTimeoutSeconds).toBe(600);
});
