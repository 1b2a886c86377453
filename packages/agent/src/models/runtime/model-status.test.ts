import { expect, test } from 'vitest';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { modelView } from '../../test-support/model-view.ts';
import { modelStatus } from './model-status.ts';

const loadError = new ApiError(API_ERRORS.MODEL_LOAD_FAILED, 'no weights');
const noRoom = new ApiError(API_ERRORS.MEMORY_EXHAUSTED, 'it needs 9 GB');
const noTurn = new ApiError(API_ERRORS.DOWNLOADS_BUSY, 'others are being downloaded');

test.each([
  [{}, 'unloaded'],
  [{ life: { isReserving: true } }, 'loading'],
  [{ worker: { state: 'starting' } }, 'loading'],
  [{ worker: { state: 'loading' } }, 'loading'],
  [{ worker: { state: 'ready' } }, 'ready'],
  [{ worker: { state: 'ready' }, life: { isUnloading: true } }, 'unloading'],
  [{ worker: { state: 'stopping' } }, 'unloading'],
  [{ worker: { state: 'backoff' } }, 'failed'],
  [{ worker: { state: 'broken' } }, 'failed'],
  [{ life: { loadError } }, 'failed'],
  // Refusals, for which no worker was started.
  [{ life: { loadError: noRoom } }, 'unloaded'],
  [{ life: { loadError: noTurn } }, 'unloaded'],
  [{ worker: { state: 'broken' }, life: { loadError: noRoom } }, 'failed'],
  // A new attempt is on its way.
  [{ life: { loadError, isReserving: true } }, 'loading'],
] as const)('a model with %o is %s', (parts, state) => {
  expect(modelStatus(modelView(parts)).state).toBe(state);
});

test('a refusal is told although the model has not failed', () => {
  expect(modelStatus(modelView({ life: { loadError: noRoom } })).error).toBe('it needs 9 GB');
});

test.each([
  [{ isPinned: false, idleTimeoutMs: 90_000 }, 90],
  [{ isPinned: true, idleTimeoutMs: 90_000 }, null],
  [{ isPinned: false, idleTimeoutMs: null }, null],
])('with %o its idle timeout is %j s', (parts, seconds) => {
  expect(modelStatus(modelView(parts)).idle_timeout_seconds).toBe(seconds);
});
