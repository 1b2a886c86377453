import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Pressure } from './memory-pressure.ts';
import { CALM, type GuardState } from './pressure-policy.ts';

const RETRY_SECONDS = 10;

/** How the memory of the machine was judged last. The guard writes it; whoever takes work in reads it. */
export class MemoryVerdict {
  #state: GuardState = CALM;

  get state(): GuardState {
    return this.#state;
  }

  get pressure(): Pressure {
    return this.#state.pressure;
  }

  /** Why nothing new is taken in; null while it is. */
  get refusal(): string | null {
    return this.#state.refusal;
  }

  /** Why no model may be loaded; null when one may. */
  get loadObstacle(): string | null {
    if (this.#state.refusal !== null) return `the host is short of memory, ${this.#state.refusal}`;
    return this.#state.pressure === 'critical' ? 'the host is critically short of memory' : null;
  }

  judge(state: GuardState): void {
    this.#state = state;
  }

  /** @throws ApiError MEMORY_EXHAUSTED while nothing new is taken in. */
  refuseWhenShort(): void {
    const { refusal } = this.#state;
    if (refusal === null) return;
    throw new ApiError(API_ERRORS.MEMORY_EXHAUSTED, `This host is short of memory: ${refusal}.`, {
      retryAfter: RETRY_SECONDS,
    });
  }
}
