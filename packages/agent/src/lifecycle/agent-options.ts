import type { AgentConfig } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import type { FetchMedia } from '../media/fetch-media.ts';
import type { MemoryReading } from '../memory/memory-pressure.ts';
import type { WorkerTimes } from '../workers/worker-times.ts';

export interface AgentOptions {
  /** Absolute. */
  readonly root: string;
  readonly config: AgentConfig;
  readonly worker: {
    /** Interpreter of the text environment, absolute. */
    readonly python: string;
    /** Interpreter of the vision environment, absolute; null or absent without one. */
    readonly visionPython?: string | null;
    /** Folder that holds mlxfleet_worker, absolute. */
    readonly source: string;
  };
  readonly release: string | null;
  readonly log: Logger;
  /** Steady clock, milliseconds; default the system's. */
  readonly now?: () => number;
  /** Default the system's. */
  readonly readMemory?: () => Promise<MemoryReading>;
  /** Default the guarded one. */
  readonly fetchMedia?: FetchMedia;
  readonly workerTimes?: WorkerTimes;
  readonly heartbeatMs?: number;
}
