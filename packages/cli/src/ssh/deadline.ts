/** The time for a connection is over. */
export class DeadlinePassed extends Error {
  override readonly name: string = 'DeadlinePassed';
  readonly limitMs: number;

  constructor(limitMs: number) {
    super(`no answer within ${String(limitMs / 1000)} s`);
    this.limitMs = limitMs;
  }
}

/**
 * Time for everything that makes a connection, jumps included. It stands still while a person is asked: nobody types a
 * passphrase in ten seconds.
 */
export class Deadline {
  readonly #limitMs: number;
  readonly #controller = new AbortController();
  /** Aborts with DeadlinePassed, or with the reason of the signal that the deadline was made with. */
  readonly signal: AbortSignal;
  #leftMs: number;
  #runningSince = 0;
  #timer: NodeJS.Timeout | undefined;
  #pauses = 0;

  constructor(limitMs: number, outer?: AbortSignal) {
    this.#limitMs = limitMs;
    this.#leftMs = limitMs;
    this.signal =
      outer === undefined ? this.#controller.signal : AbortSignal.any([outer, this.#controller.signal]);
    this.#run();
  }

  /** Milliseconds that are left. */
  get leftMs(): number {
    return this.#timer === undefined ? this.#leftMs : this.#leftMs - (performance.now() - this.#runningSince);
  }

  /** Waits for work that a person takes part in. */
  async pauseDuring<T>(work: Promise<T>): Promise<T> {
    this.#pauses += 1;
    this.#stop();
    try {
      return await this.race(work);
    } finally {
      this.#pauses -= 1;
      if (this.#pauses === 0 && !this.signal.aborted) this.#run();
    }
  }

  /** The work's outcome, or a rejection with the signal's reason when that comes first. */
  async race<T>(work: Promise<T>): Promise<T> {
    return raceWithSignal(work, this.signal);
  }

  /** Stops the clock for good. */
  end(): void {
    this.#pauses += 1;
    this.#stop();
  }

  #run(): void {
    this.#runningSince = performance.now();
    this.#timer = setTimeout(
      () => this.#controller.abort(new DeadlinePassed(this.#limitMs)),
      Math.max(0, this.#leftMs),
    );
  }

  #stop(): void {
    this.#leftMs = this.leftMs;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

/** The work's outcome, or a rejection with the signal's reason when that comes first; the work itself goes on. */
export async function raceWithSignal<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return work;
  // Whoever loses the race must not end the process as an unhandled rejection.
  work.catch(() => undefined);
  signal.throwIfAborted();
  const aborted = Promise.withResolvers<never>();
  const abort = (): void => aborted.reject(asError(signal.reason));
  signal.addEventListener('abort', abort, { once: true });
  try {
    return await Promise.race([work, aborted.promise]);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}

function asError(reason: unknown): Error {
  return reason instanceof Error ? reason : new Error(String(reason));
}
