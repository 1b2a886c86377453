/** Requests whose times are remembered. */
const REMEMBERED = 32;
const SHORTEST_RETRY_SECONDS = 1;
const LONGEST_RETRY_SECONDS = 60;
/** Answered before any request has been served. */
const UNKNOWN_RETRY_SECONDS = 2;

/** How long a model took to serve its recent requests, for telling refused clients when to come again. */
export class ServiceTimes {
  readonly #durations = new Float64Array(REMEMBERED);
  #count = 0;
  #sum = 0;

  /** @param milliseconds from the worker's start on a request to its end. */
  add(milliseconds: number): void {
    const slot = this.#count % REMEMBERED;
    // Nothing is left in the sum of what it replaces: whole milliseconds add up without rounding.
    const rounded = Math.max(0, Math.round(milliseconds));
    this.#sum += rounded - (this.#durations[slot] ?? 0);
    this.#durations[slot] = rounded;
    this.#count += 1;
  }

  /**
   * Seconds until the requests that wait now will have had their turn, 1 to 60: `places` of them are served at a time. A
   * client that comes again then has waited no longer than in a queue without end.
   */
  retryAfterSeconds(waiting: number, places: number): number {
    if (this.#count === 0) return UNKNOWN_RETRY_SECONDS;
    const mean = this.#sum / Math.min(this.#count, REMEMBERED);
    const seconds = Math.ceil((mean * waiting) / places / 1000);
    return Math.min(Math.max(seconds, SHORTEST_RETRY_SECONDS), LONGEST_RETRY_SECONDS);
  }
}
