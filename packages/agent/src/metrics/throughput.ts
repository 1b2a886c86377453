const BUCKETS = 10;

/** Tokens a second over the last ten seconds. Times are milliseconds of one steady clock. */
export class Throughput {
  readonly #tokens = new Float64Array(BUCKETS);
  readonly #seconds = new Float64Array(BUCKETS).fill(-BUCKETS);

  add(tokens: number, now: number): void {
    const second = Math.floor(now / 1000);
    const bucket = second % BUCKETS;
    if (this.#seconds[bucket] !== second) {
      this.#seconds[bucket] = second;
      this.#tokens[bucket] = 0;
    }
    this.#tokens[bucket] = (this.#tokens[bucket] ?? 0) + tokens;
  }

  /** Null when nothing was generated. */
  perSecond(now: number): number | null {
    const oldest = Math.floor(now / 1000) - BUCKETS;
    let total = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      if ((this.#seconds[bucket] ?? 0) > oldest) total += this.#tokens[bucket] ?? 0;
    }
    return total === 0 ? null : total / BUCKETS;
  }
}
