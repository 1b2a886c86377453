import type { ModelState, ModelStatus, WorkerStatus } from '@mlxfleet/protocol';
import type { ApiError } from '../../api-error.ts';
import type { Worker } from '../../workers/worker.ts';

/** What can be seen of a worker from outside. */
export type WorkerView = Pick<
  Worker,
  | 'state'
  | 'healthy'
  | 'pid'
  | 'restarts'
  | 'restSeconds'
  | 'failures'
  | 'lastExit'
  | 'lastCrash'
  | 'memoryBytes'
  | 'counters'
  | 'stalledSeconds'
>;

export interface ModelStatusParts {
  readonly id: string;
  readonly worker: WorkerView;
  /** Whether room is being made for it. */
  readonly isReserving: boolean;
  /** Whether it is to end when what runs has finished. */
  readonly isUnloading: boolean;
  readonly loadError: ApiError | null;
  readonly contextLength: number | null;
  readonly isPinned: boolean;
  readonly idleTimeoutMs: number | null;
  readonly lastUsedAt: Date | null;
  readonly requests: ModelStatus['requests'];
}

/** A model as the admin API tells of it. */
export function modelStatus(parts: ModelStatusParts): ModelStatus {
  const { loadError, isPinned, idleTimeoutMs } = parts;
  return {
    id: parts.id,
    state: modelState(parts),
    memory_bytes: parts.worker.memoryBytes,
    context_length: parts.contextLength,
    pinned: isPinned,
    idle_timeout_seconds: isPinned || idleTimeoutMs === null ? null : idleTimeoutMs / 1000,
    last_used_at: parts.lastUsedAt?.toISOString() ?? null,
    requests: parts.requests,
    error: loadError?.details ?? loadError?.message ?? null,
  };
}

/** A model's worker as the admin API tells of it. */
export function workerStatus(model: string, worker: WorkerView, lastLog: string[]): WorkerStatus {
  return {
    model,
    state: worker.state,
    healthy: worker.healthy,
    pid: worker.pid,
    restarts: worker.restarts,
    last_exit: worker.lastExit,
    last_log: lastLog,
  };
}

function modelState({ worker, isReserving, isUnloading, loadError }: ModelStatusParts): ModelState {
  const { state } = worker;
  if (isReserving || state === 'starting' || state === 'loading') return 'loading';
  if (state === 'ready') return isUnloading ? 'unloading' : 'ready';
  if (state === 'backoff' || state === 'broken' || loadError !== null) return 'failed';
  return state === 'stopping' ? 'unloading' : 'unloaded';
}
