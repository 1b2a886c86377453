import { expect, test } from 'vitest';
import type { MemoryReading } from './memory-pressure.ts';
import { MemoryReader } from './memory-reader.ts';

const READING: MemoryReading = { totalBytes: 16e9, availableBytes: 8e9, systemPressure: null, stall: null };

test('the last reading stands in for one that fails, for half a minute', async () => {
  let now = 0;
  let next: MemoryReading | Error = READING;
  const reader = new MemoryReader(
    async () => {
      if (next instanceof Error) throw next;
      return next;
    },
    () => now,
  );
  expect(await reader.read()).toBe(READING);
  next = new Error('vm_stat is slow');
  now = 30_000;
  expect(await reader.read()).toBe(READING);
  now = 30_001;
  await expect(reader.read()).rejects.toThrow('vm_stat is slow');
  next = { ...READING, availableBytes: 1e9 };
  expect(await reader.read()).toBe(next);
});

test('without any reading the failure is told', async () => {
  const reader = new MemoryReader(async () => await Promise.reject(new Error('vm_stat is slow')));
  await expect(reader.read()).rejects.toThrow('vm_stat is slow');
});
