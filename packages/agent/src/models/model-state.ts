import type { ModelState, WorkerState } from '@mlxfleet/protocol';

export interface ModelStateParts {
  readonly worker: WorkerState;
  /** Whether room is being made for it. */
  readonly reserving: boolean;
  /** Whether it is to end when what runs has finished. */
  readonly unloading: boolean;
  /** Whether the last load failed. */
  readonly failed: boolean;
}

/** The state of a model as the admin API tells it. */
export function modelState({ worker, reserving, unloading, failed }: ModelStateParts): ModelState {
  if (reserving || worker === 'starting' || worker === 'loading') return 'loading';
  if (worker === 'ready') return unloading ? 'unloading' : 'ready';
  if (worker === 'backoff' || failed) return 'failed';
  return worker === 'stopping' ? 'unloading' : 'unloaded';
}
