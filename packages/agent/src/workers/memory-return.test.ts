import { expect, test } from 'vitest';
import { MemoryReturn } from './memory-return.ts';

/** Answers the readings one after the other, the last one again and again, and counts them. */
function readings(...values: number[]): { availableBytes: () => Promise<number>; count: () => number } {
  let count = 0;
  return {
    count: () => count,
    availableBytes: () => {
      count += 1;
      const value = values[Math.min(count, values.length) - 1];
      return value === undefined ? Promise.reject(new Error('no reading')) : Promise.resolve(value);
    },
  };
}

test('while no worker has died nothing is waited for, nor read', async () => {
  const memory = readings(0);
  await new MemoryReturn(memory).settled(100);
  expect(memory.count()).toBe(0);
});

test('after a death it is waited for until there is enough', async () => {
  const memory = readings(10, 50, 100);
  const memoryReturn = new MemoryReturn({ ...memory, pollMs: 1 });
  memoryReturn.workerEnded();
  await memoryReturn.settled(100);
  expect(memory.count()).toBe(3);
});

test('but not for ever', async () => {
  const memory = readings(10);
  const memoryReturn = new MemoryReturn({ ...memory, pollMs: 1, longestWaitMs: 30 });
  memoryReturn.workerEnded();
  await memoryReturn.settled(100);
  expect(memory.count()).toBeGreaterThan(1);
  const before = memory.count();
  await memoryReturn.settled(100);
  expect(memory.count()).toBe(before);
});

test('a host that does not tell is not waited for', async () => {
  const memory = readings();
  const memoryReturn = new MemoryReturn(memory);
  memoryReturn.workerEnded();
  await memoryReturn.settled(100);
  expect(memory.count()).toBe(1);
});
