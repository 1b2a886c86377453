import { expect, test } from 'vitest';
import { Waiters } from './waiters.ts';

test('all that wait are told, and those that come later wait for the next time', async () => {
  const waiters = new Waiters();
  const first = [waiters.wait(), waiters.wait()];
  expect(waiters.size).toBe(2);
  waiters.resolve();
  await Promise.all(first);
  const later = waiters.wait();
  expect(waiters.size).toBe(1);
  waiters.reject(new Error('it failed'));
  await expect(later).rejects.toThrow('it failed');
  expect(waiters.size).toBe(0);
});
