/** Those who wait for one thing to happen. All are told at once, and each a single time. */
export class Waiters {
  #waiting: PromiseWithResolvers<void>[] = [];

  get size(): number {
    return this.#waiting.length;
  }

  /** Settles with the next `resolve` or `reject`. */
  async wait(): Promise<void> {
    const waiter = Promise.withResolvers<void>();
    this.#waiting.push(waiter);
    await waiter.promise;
  }

  resolve(): void {
    for (const waiter of this.#take()) waiter.resolve();
  }

  reject(error: Error): void {
    for (const waiter of this.#take()) waiter.reject(error);
  }

  #take(): PromiseWithResolvers<void>[] {
    const waiting = this.#waiting;
    this.#waiting = [];
    return waiting;
  }
}
