import { describe, expect, test } from 'vitest';
import { visionActivationBytes, type VisionInput } from './vision-estimate.ts';

/** Heads of 80 elements. */
const SHAPE = { width: 1280, innerWidth: 5120, heads: 16, patchSize: 14, imageSize: null };

function bytes(more: Partial<VisionInput> = {}): number {
  return visionActivationBytes({
    shape: SHAPE,
    maxSide: 1024,
    hasFusedAttention: true,
    lanes: 1,
    featureCacheBytes: 0,
    ...more,
  });
}

const PATCHES = 74 ** 2;
const SCORES = 16 * PATCHES ** 2 * 4;

describe('reading one image', () => {
  test('takes a layer for its patches, and its pixels twice', () => {
    expect(bytes()).toBe(PATCHES * (6 * 1280 + 2 * 5120) * 4 + 1024 ** 2 * 24);
  });

  test('and the scores of all patches for all patches where attention is not fused', () => {
    expect(bytes({ hasFusedAttention: false }) - bytes()).toBe(SCORES);
    // 1152 / 16 is no size that Metal's kernel takes.
    const odd = { ...SHAPE, width: 1152 };
    expect(bytes({ shape: odd })).toBe(bytes({ shape: odd, hasFusedAttention: false }));
  });

  test('as often as images are read side by side', () => {
    expect(bytes({ lanes: 4, hasFusedAttention: false })).toBe(4 * bytes({ hasFusedAttention: false }));
  });

  test('of the size that the model enlarges it to', () => {
    const enlarged = { ...SHAPE, imageSize: 1024 };
    expect(bytes({ shape: enlarged, maxSide: 56 })).toBe(bytes());
    expect(bytes({ shape: enlarged, maxSide: 2048 })).toBe(bytes({ maxSide: 2048 }));
  });
});
