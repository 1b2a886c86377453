import type { ModelState, ModelStatus, WorkerStatus } from '@mlxfleet/protocol';
import type { ApiError } from '../../api-error.ts';
import { API_ERRORS, type ApiErrorDefinition } from '../../errors.ts';
import type { LifeView, ModelView } from './model-view.ts';

/**
 * Said before any worker was started, for want of what others have at the moment: an error of the request, which says
 * nothing of the model.
 */
const REFUSALS: ReadonlySet<ApiErrorDefinition> = new Set([
  API_ERRORS.MEMORY_EXHAUSTED,
  API_ERRORS.DOWNLOADS_BUSY,
]);

/** A model as the admin API tells of it. */
export function modelStatus(view: ModelView): ModelStatus {
  const { life, isPinned, idleTimeoutMs } = view;
  return {
    id: view.id,
    state: modelState(life),
    memory_bytes: life.worker.memoryBytes,
    context_length: life.contextLength,
    pinned: isPinned,
    idle_timeout_seconds: isPinned || idleTimeoutMs === null ? null : idleTimeoutMs / 1000,
    last_used_at: view.lastUsedAt?.toISOString() ?? null,
    requests: view.requests,
    error: life.loadError?.details ?? life.loadError?.message ?? null,
  };
}

/** A model's worker as the admin API tells of it. */
export function workerStatus({ id, life: { worker, lastLog } }: ModelView): WorkerStatus {
  return {
    model: id,
    state: worker.state,
    healthy: worker.healthy,
    pid: worker.pid,
    restarts: worker.restarts,
    last_exit: worker.lastExit,
    last_log: [...lastLog],
  };
}

function modelState({ worker: { state }, isReserving, isUnloading, loadError }: LifeView): ModelState {
  if (isReserving || state === 'starting' || state === 'loading') return 'loading';
  if (state === 'ready') return isUnloading ? 'unloading' : 'ready';
  if (state === 'backoff' || state === 'broken') return 'failed';
  if (loadError !== null && !isRefusal(loadError)) return 'failed';
  return state === 'stopping' ? 'unloading' : 'unloaded';
}

function isRefusal({ definition }: ApiError): boolean {
  return REFUSALS.has(definition);
}
