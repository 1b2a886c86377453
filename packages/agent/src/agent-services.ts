import type { AgentConfig } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import type { Lifecycle } from './lifecycle/lifecycle.ts';
import type { MemoryGuard } from './memory/memory-guard.ts';
import type { MemoryReader } from './memory/memory-reader.ts';
import type { MemoryVerdict } from './memory/memory-verdict.ts';
import type { MediaStore } from './media/media-store.ts';
import type { Metrics } from './metrics/metrics.ts';
import type { Throughput } from './metrics/throughput.ts';
import type { ModelPool } from './models/model-pool.ts';
import type { ResponseStore } from './responses/response-store.ts';

/** What the agent knows of itself and its host from the start. */
export interface AgentFacts {
  /** Release id; null outside a release folder. */
  readonly release: string | null;
  readonly machineType: string;
  readonly totalMemoryBytes: number;
  readonly idleTimeoutSeconds: number;
  readonly memoryLimitBytes: number;
  /** Whether there is a vision environment: without one no model is shown images. */
  readonly hasVisionEnvironment: boolean;
  /** Content of shared/admin-token. */
  readonly adminToken: string;
}

/** Everything that the routes of both APIs work with. */
export interface AgentServices {
  readonly config: AgentConfig;
  readonly facts: AgentFacts;
  readonly lifecycle: Lifecycle;
  readonly pool: ModelPool;
  readonly guard: MemoryGuard;
  readonly verdict: MemoryVerdict;
  /** The memory of this machine right now. */
  readonly memory: MemoryReader;
  readonly metrics: Metrics;
  readonly throughput: Throughput;
  readonly responses: ResponseStore;
  /** Images and documents of requests. */
  readonly media: MediaStore;
  readonly log: Logger;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  /** Milliseconds of silence after which a comment keeps a stream open. */
  readonly heartbeatMs: number;
  /** Ports that are listened on, once they are. */
  readonly ports: { main: number; admin: number };
}
