import { expect, test } from 'vitest';
import { memoryReading } from '../test-support/memory-reading.ts';
import type { MemoryReading } from './memory-pressure.ts';
import { MemoryReader } from './memory-reader.ts';

const READING = memoryReading();

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

test('who is about to take memory gets a reading of now, or the failure of the second try', async () => {
  const failures = [new Error('slow'), new Error('slow'), new Error('still slow'), new Error('slow')];
  const reader = new MemoryReader(async () => {
    const failure = failures.pop();
    if (failure !== undefined) throw failure;
    return READING;
  });
  await expect(reader.readNow()).rejects.toThrow('still slow');
  await expect(reader.readNow()).rejects.toThrow('slow');
  expect(await reader.readNow()).toBe(READING);
  failures.push(new Error('slow'));
  expect(await reader.readNow()).toBe(READING);
});

test('without any reading the failure is told', async () => {
  const reader = new MemoryReader(async () => await Promise.reject(new Error('vm_stat is slow')));
  await expect(reader.read()).rejects.toThrow('vm_stat is slow');
});
