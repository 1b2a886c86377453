import type { PongFrame } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { modelView } from '../../test-support/model-view.ts';
import { modelMemory, modelResident, modelSpeculation } from './model-memory.ts';

describe('what the policies of memory see', () => {
  test('nothing of a model without a process', () => {
    expect(modelResident(modelView())).toBeNull();
  });

  test('a model of which nothing is known yet holds nothing and is busy', () => {
    const view = modelView({ life: { isActive: true, isLoading: true, floorBytes: 5 }, lastUsed: 7 });
    expect(modelResident(view)).toEqual({
      id: 'm',
      floorBytes: 5,
      heldBytes: 0,
      cacheBytes: 0,
      imageBytes: 0,
      keptBytes: 0,
      loading: true,
      busy: true,
      pinned: false,
      lastUsed: 7,
    });
  });

  test('kept images and what a tower made of them, beside prefixes and unused buffers', () => {
    const counters: PongFrame = {
      type: 'pong',
      nonce: 1,
      running: 0,
      waiting: 0,
      steps: 0,
      preparing_seconds: 0,
      drafted_tokens: 0,
      accepted_tokens: 0,
      prefix_disk_bytes: 0,
      active_memory_bytes: 499,
      peak_memory_bytes: 499,
      cache_memory_bytes: 1,
      prefix_cache_bytes: 20,
      feature_cache_bytes: 300,
      image_cache_bytes: 4000,
    };
    const view = modelView({
      life: { isActive: true, isReady: true },
      worker: { counters, memoryBytes: 500 },
    });
    expect(modelResident(view)).toMatchObject({
      heldBytes: 500,
      cacheBytes: 321,
      imageBytes: 4000,
      keptBytes: 4320,
    });
  });

  test('nothing of a model that failed to load and is not tried again', () => {
    const view = modelView({ life: { isActive: true, isGivenUp: true, floorBytes: 5 } });
    expect(modelResident(view)).toBeNull();
  });

  test.each([
    [{ running: 0, waiting: 0 }, false],
    [{ running: 1, waiting: 0 }, true],
    [{ running: 0, waiting: 1 }, true],
  ])('with requests %o a model is busy: %j', (requests, busy) => {
    const view = modelView({ life: { isActive: true, isReady: true, takesWork: true }, requests });
    expect(modelResident(view)?.busy).toBe(busy);
  });
});

test('a worker that has told nothing yet has neither memory nor speculation', () => {
  const view = modelView({ life: { isReady: true } });
  expect([modelMemory(view), modelSpeculation(view)]).toEqual([null, null]);
});
