/** Somebody wants us to end: Ctrl-C, a signal, a closed terminal. Comes once, however often it is asked for. */
export class StopRequest {
  readonly #listeners = new Set<() => void>();
  #signal: NodeJS.Signals | undefined;

  constructor() {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => this.#receive(signal));
    }
    // A terminal that is gone takes no more text; what is left to do needs none.
    for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);
  }

  get isRequested(): boolean {
    return this.#signal !== undefined;
  }

  /** Calls back when asked to stop, at once if that has happened. Answers with how to unsubscribe. */
  subscribe(listener: () => void): () => void {
    if (this.isRequested) listener();
    else this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Resolves when asked to stop. */
  wait(): Promise<void> {
    return new Promise((resolve) => {
      // Signal handlers alone do not keep a process alive.
      const timer = setInterval(() => undefined, 60_000);
      this.subscribe(() => {
        clearInterval(timer);
        resolve();
      });
    });
  }

  #receive(signal: NodeJS.Signals): void {
    if (this.isRequested) return;
    this.#signal = signal;
    for (const listener of this.#listeners) listener();
  }
}
