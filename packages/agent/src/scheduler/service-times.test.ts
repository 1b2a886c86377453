import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { ServiceTimes } from './service-times.ts';

test('says how long the requests that wait will take', () => {
  const times = new ServiceTimes();
  expect(times.retryAfterSeconds(50, 1)).toBe(2);
  for (let count = 0; count < 10; count += 1) times.add(4000);
  expect(times.retryAfterSeconds(50, 10)).toBe(20);
  expect(times.retryAfterSeconds(5, 10)).toBe(2);
});

test('forgets what was long ago', () => {
  const times = new ServiceTimes();
  for (let count = 0; count < 100; count += 1) times.add(600_000);
  expect(times.retryAfterSeconds(50, 32)).toBe(60);
  for (let count = 0; count < 32; count += 1) times.add(1000);
  expect(times.retryAfterSeconds(32, 32)).toBe(1);
});

test('stays between 1 and 60 seconds, whatever was served', () => {
  fc.assert(
    fc.property(
      fc.array(fc.double({ min: -1, max: 1e9, noNaN: true }), { maxLength: 100 }),
      fc.nat(10_000),
      fc.integer({ min: 1, max: 256 }),
      (durations, waiting, places) => {
        const times = new ServiceTimes();
        for (const duration of durations) times.add(duration);
        const seconds = times.retryAfterSeconds(waiting, places);
        expect(Number.isInteger(seconds) && seconds >= 1 && seconds <= 60).toBe(true);
      },
    ),
  );
});
