import type { AgentConfig } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { ModelPool } from '../models/model-pool.ts';
import type { MemoryGuard } from './memory-guard.ts';
import type { Metrics } from './metrics.ts';
import type { ResponseStore } from './response-store.ts';
import type { Throughput } from './throughput.ts';

/** What the agent knows of itself and its host from the start. */
interface AgentFacts {
  /** Release id; null outside a release folder. */
  readonly release: string | null;
  readonly machineType: string;
  readonly totalMemoryBytes: number;
  readonly idleTimeoutSeconds: number;
  readonly memoryLimitBytes: number;
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
  readonly metrics: Metrics;
  readonly throughput: Throughput;
  readonly responses: ResponseStore;
  readonly log: Logger;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  /** Milliseconds between the comments that keep a waiting stream open. */
  readonly heartbeatMs: number;
  /** Ports that are listened on, once they are. */
  readonly ports: { main: number; admin: number };
}

/** Seconds after which a client that met a stopping agent should come again. */
const DRAIN_RETRY_SECONDS = 10;

/** Where the agent is between start and end. Moves forward only. */
export class Lifecycle {
  readonly #startedAt = performance.now();
  #phase: 'starting' | 'running' | 'draining' = 'starting';
  /** Why it cannot serve, once running; null when it can. */
  #obstacle: string | null = null;

  get phase(): 'starting' | 'running' | 'draining' {
    return this.#phase;
  }

  get uptimeSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  run(): void {
    if (this.#phase === 'starting') this.#phase = 'running';
  }

  drain(): void {
    this.#phase = 'draining';
  }

  setObstacle(reason: string | null): void {
    this.#obstacle = reason;
  }

  /** @throws ApiError DRAINING. */
  refuseWhenDraining(): void {
    if (this.#phase !== 'draining') return;
    throw new ApiError(API_ERRORS.DRAINING, 'The agent is stopping and takes no new requests.', {
      retryAfter: DRAIN_RETRY_SECONDS,
    });
  }

  /** @throws ApiError DRAINING or NOT_READY. */
  refuseUnlessReady(): void {
    this.refuseWhenDraining();
    if (this.#phase === 'starting') {
      throw new ApiError(API_ERRORS.NOT_READY, 'The agent is loading its first models.', { retryAfter: 1 });
    }
    if (this.#obstacle !== null) throw new ApiError(API_ERRORS.NOT_READY, this.#obstacle, { retryAfter: 10 });
  }
}
