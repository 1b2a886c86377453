import { describe, expect, test } from 'vitest';
import { type EstimateInput, estimateMemory, type ModelShape, WORKING_SET } from './memory-estimate.ts';
import { visionActivationBytes } from './vision-estimate.ts';

const GB = 1e9;

/** 32 layers of 8 heads with 128 elements: 131,072 bytes for each token. */
const SHAPE: ModelShape = {
  caches: [{ elementsPerToken: 32 * 2 * 8 * 128, window: null }],
  stateBytes: 0,
  hiddenSize: 4096,
  intermediateSize: 14_336,
  vocabularySize: 128_256,
  contextLength: 131_072,
  bytesPerElement: 2,
};

function estimate(more: Partial<EstimateInput> = {}) {
  return estimateMemory({
    weightBytes: 4.5 * GB,
    shape: SHAPE,
    draftShape: null,
    contextLength: null,
    maxBatchSize: 32,
    kvBits: null,
    prefixBytes: 0,
    task: 'generate',
    vision: null,
    ...more,
  });
}

const FULL = WORKING_SET.requests * WORKING_SET.tokens * 131_072;

describe('what a model will take', () => {
  test('weights, a working set of keys and values, and one step', () => {
    const { weightBytes, workingSetBytes, activationBytes, totalBytes } = estimate();
    expect(weightBytes).toBe(Math.ceil(4.5 * GB * 1.05));
    expect(workingSetBytes).toBe(FULL);
    expect(activationBytes).toBe(2048 * (6 * 4096 + 2 * 14_336) * 2 + 32 * 128_256 * 8);
    expect(totalBytes).toBe(weightBytes + workingSetBytes + activationBytes);
  });

  test('a small batch or context makes the working set smaller, a large one not larger', () => {
    expect(estimate({ maxBatchSize: 1 }).workingSetBytes).toBe(FULL / 4);
    expect(estimate({ contextLength: 512 }).workingSetBytes).toBe(FULL / 4);
    expect(estimate({ shape: { ...SHAPE, contextLength: 1024 } }).workingSetBytes).toBe(FULL / 2);
    expect(estimate({ maxBatchSize: 256, contextLength: 131_072 }).workingSetBytes).toBe(FULL);
  });

  test('quantised keys and values take less, with a scale and an offset for each group', () => {
    expect(estimate({ kvBits: 8 }).workingSetBytes).toBe((FULL / 2) * (1 + 4 / 64));
    expect(estimate({ kvBits: 4 }).workingSetBytes).toBe((FULL / 2) * (0.5 + 4 / 64));
  });

  test('a window bounds what its layers keep, and is not quantised; a state counts once a request', () => {
    const windowed = { ...SHAPE, caches: [{ elementsPerToken: 65_536, window: 128 }] };
    expect(estimate({ shape: windowed }).workingSetBytes).toBe(FULL / 16);
    expect(estimate({ shape: windowed, kvBits: 4 }).workingSetBytes).toBe(FULL / 16);
    const hybrid = { ...SHAPE, caches: [], stateBytes: 1000 };
    expect(estimate({ shape: hybrid }).workingSetBytes).toBe(4000);
  });

  test('a draft model keeps the same tokens, kept prefixes count when they are set, embedding keeps nothing', () => {
    expect(estimate({ draftShape: SHAPE }).workingSetBytes).toBe(2 * FULL);
    expect(estimate({ prefixBytes: GB }).totalBytes).toBe(estimate().totalBytes + GB);
    expect(estimate({ task: 'embed' }).workingSetBytes).toBe(0);
  });

  test('a vision model reads an image between two steps, and keeps features', () => {
    const shape = { width: 1280, innerWidth: 5120, heads: 16, patchSize: 14, imageSize: null };
    const vision = { shape, maxSide: 56, hasFusedAttention: true, lanes: 1, featureCacheBytes: GB };
    const text = estimate();
    expect(estimate({ task: 'vision', vision })).toEqual({
      ...text,
      featureCacheBytes: GB,
      totalBytes: text.totalBytes + GB,
    });
    const large = { ...vision, maxSide: 2048 };
    expect(estimate({ task: 'vision', vision: large }).activationBytes).toBe(visionActivationBytes(large));
  });
});
