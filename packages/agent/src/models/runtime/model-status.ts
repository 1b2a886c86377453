import type { ModelState, ModelStatus, WorkerStatus } from '@mlxfleet/protocol';
import type { LifeView, ModelView } from './model-view.ts';

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
  if (state === 'backoff' || state === 'broken' || loadError !== null) return 'failed';
  return state === 'stopping' ? 'unloading' : 'unloaded';
}
