import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

export type LifecyclePhase = 'starting' | 'running' | 'draining';

/** Seconds after which a client that met a stopping agent should come again. */
const STOP_RETRY_SECONDS = 10;
/** Nobody knows when an agent that was told to drain is told to resume. */
const PAUSE_RETRY_SECONDS = 30;

/** Where the agent is between start and end. It moves forward only, but for a pause that its owner asks for. */
export class Lifecycle {
  readonly #startedAt = performance.now();
  readonly #stopping = new AbortController();
  #phase: LifecyclePhase = 'starting';
  #isPaused = false;
  /** Why it cannot serve, once running; null when it can. */
  #obstacle: string | null = null;

  get phase(): LifecyclePhase {
    return this.#isPaused ? 'draining' : this.#phase;
  }

  get uptimeSeconds(): number {
    return (performance.now() - this.#startedAt) / 1000;
  }

  /** Aborted with DRAINING when the agent begins to stop. */
  get stopping(): AbortSignal {
    return this.#stopping.signal;
  }

  run(): void {
    if (this.#phase === 'starting') this.#phase = 'running';
  }

  /** The agent stops: nothing new is taken in any more. */
  drain(): void {
    this.#phase = 'draining';
    this.#stopping.abort(stopping());
  }

  /** Nothing new is taken in until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  /** @throws ApiError DRAINING when the agent is about to stop. */
  resume(): void {
    if (this.#phase === 'draining') throw stopping();
    this.#isPaused = false;
  }

  setObstacle(reason: string | null): void {
    this.#obstacle = reason;
  }

  /** @throws ApiError DRAINING. */
  refuseWhenDraining(): void {
    if (this.#phase === 'draining') throw stopping();
    if (!this.#isPaused) return;
    throw new ApiError(API_ERRORS.DRAINING, 'The agent was told to drain and takes no new requests.', {
      retryAfter: PAUSE_RETRY_SECONDS,
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

function stopping(): ApiError {
  return new ApiError(API_ERRORS.DRAINING, 'The agent is stopping and takes no new requests.', {
    retryAfter: STOP_RETRY_SECONDS,
  });
}
