import { setTimeout as sleep } from 'node:timers/promises';

export interface MemoryReturnOptions {
  /** Bytes of the machine's memory that a new process could take. */
  readonly availableBytes: () => Promise<number>;
  /** How long memory may take to come back, milliseconds. */
  readonly longestWaitMs?: number;
  readonly pollMs?: number;
}

/** Wired memory of a killed process has been seen to take seconds; what is not back by then may never be. */
const LONGEST_WAIT_MS = 10_000;
const POLL_MS = 250;

/**
 * Memory of workers that ended. The system takes it back in its own time; a model that is loaded before that may push the
 * machine into swapping, or be the next one to be killed.
 */
export class MemoryReturn {
  readonly #options: Required<MemoryReturnOptions>;
  #awaitedUntil = -Infinity;

  constructor(options: MemoryReturnOptions) {
    this.#options = { longestWaitMs: LONGEST_WAIT_MS, pollMs: POLL_MS, ...options };
  }

  /** A worker has ended: it died without freeing what it held, or it went to make room. */
  workerEnded(): void {
    this.#awaitedUntil = performance.now() + this.#options.longestWaitMs;
  }

  /** Resolves when so many bytes are available, or when no more memory of dead workers is to be expected. */
  async settled(bytes: number): Promise<void> {
    while (performance.now() < this.#awaitedUntil) {
      const available = await this.#options.availableBytes().catch(() => Infinity);
      if (available >= bytes) return;
      await sleep(this.#options.pollMs);
    }
  }
}
