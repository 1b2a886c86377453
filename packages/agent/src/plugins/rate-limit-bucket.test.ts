import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Bucket, type BucketLimit, fullBucket, takeToken } from './rate-limit-bucket.ts';

const LIMIT: BucketLimit = { perMinute: 60, burst: 10 };

/** How many of so many requests pass, one after the other at the same moment. */
function passing(bucket: Bucket, limit: BucketLimit, now: number, requests: number): [number, Bucket] {
  let passed = 0;
  let current = bucket;
  for (let count = 0; count < requests; count += 1) {
    const taken = takeToken(current, limit, now);
    current = taken.bucket;
    if (taken.retryAfterSeconds === null) passed += 1;
  }
  return [passed, current];
}

test('ten at once, then one a second', () => {
  let [passed, bucket] = passing(fullBucket(LIMIT, 0), LIMIT, 0, 20);
  expect(passed).toBe(10);
  expect(takeToken(bucket, LIMIT, 0).retryAfterSeconds).toBe(1);
  [passed, bucket] = passing(bucket, LIMIT, 999, 5);
  expect(passed).toBe(0);
  [passed, bucket] = passing(bucket, LIMIT, 3000, 5);
  expect(passed).toBe(3);
  [passed] = passing(bucket, LIMIT, 1e9, 20);
  expect(passed).toBe(10);
});

test('says when to come again, and it passes then', () => {
  const slow: BucketLimit = { perMinute: 0.5, burst: 1 };
  const [, empty] = passing(fullBucket(slow, 0), slow, 0, 1);
  const refused = takeToken(empty, slow, 30_000);
  expect(refused.retryAfterSeconds).toBe(90);
  expect(takeToken(refused.bucket, slow, 120_000).retryAfterSeconds).toBeNull();
});

test('lets no more pass than the burst and what came back, whatever the clock does', () => {
  const step = fc.record({ pause: fc.integer({ min: -1000, max: 20_000 }), requests: fc.nat(30) });
  const limits = fc.record({
    perMinute: fc.double({ min: 0.01, max: 1e4, noNaN: true }),
    burst: fc.integer({ min: 1, max: 50 }),
  });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), limits, (steps, limit) => {
      let bucket = fullBucket(limit, 0);
      let now = 0;
      let latest = 0;
      let total = 0;
      for (const { pause, requests } of steps) {
        now += pause;
        latest = Math.max(latest, now);
        const [passed, next] = passing(bucket, limit, now, requests);
        bucket = next;
        total += passed;
      }
      expect(total).toBeLessThanOrEqual(limit.burst + (latest * limit.perMinute) / 60_000 + 1e-6);
    }),
  );
});
