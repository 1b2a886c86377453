import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MemoryEstimate } from './memory-estimate.ts';
import { memoryShare, type ShareInput } from './memory-share.ts';

const ESTIMATE: MemoryEstimate = {
  weightBytes: 30,
  workingSetBytes: 8,
  activationBytes: 2,
  prefixBytes: 0,
  featureCacheBytes: 0,
  totalBytes: 40,
};

function share(more: Partial<ShareInput> = {}) {
  return memoryShare({
    estimate: ESTIMATE,
    limitBytes: 100,
    givenBytes: 0,
    promisedBytes: 0,
    others: 0,
    taken: null,
    prefixBytes: null,
    ...more,
  });
}

describe('the share of a worker', () => {
  test('everything for the only model, half of what is no weights for prefixes', () => {
    expect(share()).toEqual({ memoryLimitBytes: 100, prefixBytes: 34 });
  });

  test('beside others, its estimate and an even part of what is left', () => {
    expect(share({ others: 2 }).memoryLimitBytes).toBe(60);
    expect(share({ others: 1, givenBytes: 20, promisedBytes: 20 }).memoryLimitBytes).toBe(50);
  });

  test('what is set aside for features of images is not for prefixes', () => {
    expect(share({ estimate: { ...ESTIMATE, featureCacheBytes: 10 } }).prefixBytes).toBe(29);
  });

  test('never less than its estimate, where others were given everything', () => {
    expect(share({ givenBytes: 100 })).toEqual({ memoryLimitBytes: 40, prefixBytes: 4 });
  });

  test('unconfigured, at least an even part of what the others do not take, however much they were given', () => {
    const taken = { models: 1, bytes: 20 };
    expect(share({ givenBytes: 100, taken }).memoryLimitBytes).toBe(60);
    expect(share({ givenBytes: 100, taken, others: 1 }).memoryLimitBytes).toBe(53);
    expect(share({ givenBytes: 100, taken, promisedBytes: 10 }).memoryLimitBytes).toBe(55);
    expect(share({ givenBytes: 100, taken: { models: 2, bytes: 80 } }).memoryLimitBytes).toBe(40);
    expect(share({ givenBytes: 10, taken }).memoryLimitBytes).toBe(90);
  });

  test('prefixes get what the configuration says, where there is so much', () => {
    expect(share({ prefixBytes: 0 }).prefixBytes).toBe(0);
    expect(share({ prefixBytes: 50 }).prefixBytes).toBe(50);
    expect(share({ prefixBytes: 500 }).prefixBytes).toBe(68);
  });

  test('models that are loaded one after the other do not get more than the limit together', () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 6 }),
        fc.nat(5000),
        (totals, spare) => {
          const limitBytes = totals.reduce((sum, total) => sum + total, spare);
          let given = 0;
          for (const [index, totalBytes] of totals.entries()) {
            const later = totals.slice(index + 1);
            const { memoryLimitBytes } = memoryShare({
              estimate: {
                weightBytes: 0,
                workingSetBytes: totalBytes,
                activationBytes: 0,
                prefixBytes: 0,
                featureCacheBytes: 0,
                totalBytes,
              },
              limitBytes,
              givenBytes: given,
              promisedBytes: later.reduce((sum, total) => sum + total, 0),
              others: later.length,
              taken: null,
              prefixBytes: null,
            });
            expect(memoryLimitBytes).toBeGreaterThanOrEqual(totalBytes);
            const isShared = totals.length > 1 && spare > totals.length;
            expect(memoryLimitBytes).toBeLessThanOrEqual(isShared ? limitBytes - 1 : limitBytes);
            given += memoryLimitBytes;
          }
          expect(given).toBeLessThanOrEqual(limitBytes);
        },
      ),
    );
  });
});
