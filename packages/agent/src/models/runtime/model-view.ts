import type { ModelStatus } from '@mlxfleet/protocol';
import type { ApiError } from '../../api-error.ts';
import type { Worker } from '../../workers/worker.ts';
import type { PrefixUse } from './prefix-use.ts';

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

/** What can be seen of a model's way from load to unload. */
export interface LifeView {
  readonly worker: WorkerView;
  /** The last lines of its worker's log, oldest first; they stay when it has ended. */
  readonly lastLog: readonly string[];
  /** Whether it holds, or is about to hold, a process. */
  readonly isActive: boolean;
  /** Whether it failed to load and is not tried again unless somebody asks: its process has ended, or is about to. */
  readonly isGivenUp: boolean;
  readonly isReady: boolean;
  /** Whether requests can be sent to it now. */
  readonly takesWork: boolean;
  readonly isLoading: boolean;
  /** Whether room is being made for it. */
  readonly isReserving: boolean;
  /** Whether it is to end when what runs has finished. */
  readonly isUnloading: boolean;
  /** Bytes that it may count on. */
  readonly floorBytes: number;
  /** Bytes that MLX may use in its worker; null while there is none. */
  readonly memoryLimitBytes: number | null;
  /** Tokens of prompt and completion; null before the first load. */
  readonly contextLength: number | null;
  readonly loadError: ApiError | null;
}

/** All that the agent tells of one model is made of this. */
export interface ModelView {
  readonly id: string;
  readonly life: LifeView;
  readonly isPinned: boolean;
  /** Null for never. */
  readonly idleTimeoutMs: number | null;
  /** By the agent's steady clock, milliseconds. */
  readonly lastUsed: number;
  readonly lastUsedAt: Date | null;
  readonly requests: ModelStatus['requests'];
  readonly prefixUse: PrefixUse;
}
