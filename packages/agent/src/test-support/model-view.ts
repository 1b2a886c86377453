import type { LifeView, ModelView, WorkerView } from '../models/runtime/model-view.ts';
import { NO_PREFIX_USE } from '../models/runtime/prefix-use.ts';

const WORKER: WorkerView = {
  state: 'stopped',
  healthy: false,
  pid: null,
  restarts: 0,
  restSeconds: 0,
  failures: 0,
  lastExit: null,
  lastCrash: null,
  memoryBytes: null,
  counters: null,
  stalledSeconds: null,
};

const LIFE: Omit<LifeView, 'worker'> = {
  lastLog: [],
  isActive: false,
  isGivenUp: false,
  isReady: false,
  takesWork: false,
  isLoading: false,
  isReserving: false,
  isUnloading: false,
  floorBytes: 0,
  memoryLimitBytes: null,
  contextLength: null,
  loadError: null,
};

/** The model `m` that nobody has loaded yet, but for what is given. */
export function modelView({
  worker,
  life,
  ...model
}: Partial<Omit<ModelView, 'life'>> & {
  readonly worker?: Partial<WorkerView>;
  readonly life?: Partial<Omit<LifeView, 'worker'>>;
} = {}): ModelView {
  return {
    id: 'm',
    life: { ...LIFE, ...life, worker: { ...WORKER, ...worker } },
    isPinned: false,
    idleTimeoutMs: null,
    lastUsed: 0,
    lastUsedAt: null,
    requests: { running: 0, waiting: 0 },
    prefixUse: NO_PREFIX_USE,
    ...model,
  };
}
