import os from 'node:os';
import { expect, test } from 'vitest';
import { readSystemMemory, totalMemory } from './system-memory.ts';

test('this machine has some memory available, and no more than it has', async () => {
  const reading = await readSystemMemory();
  expect(reading.totalBytes).toBe(totalMemory());
  expect(reading.totalBytes).toBeLessThanOrEqual(os.totalmem());
  expect(reading.availableBytes).toBeGreaterThan(0);
  expect(reading.availableBytes).toBeLessThanOrEqual(reading.totalBytes);
});
