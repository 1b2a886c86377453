import type { MemoryReading } from './memory-pressure.ts';

/** How long a reading stands in for one that fails: a machine under load may be too slow to answer now and then. */
const LONGEST_STAND_IN_MS = 30_000;

/** The memory of this machine for all who ask. */
export class MemoryReader {
  readonly #read: () => Promise<MemoryReading>;
  readonly #now: () => number;
  #last: MemoryReading | null = null;
  #lastAt = 0;

  /** @param now steady clock, milliseconds. */
  constructor(read: () => Promise<MemoryReading>, now: () => number = () => performance.now()) {
    this.#read = read;
    this.#now = now;
  }

  /**
   * For those who watch: the last good reading stands in for one that fails.
   * @throws whatever the reading failed with, when the last good one is too old.
   */
  async read(): Promise<MemoryReading> {
    try {
      return await this.#keep();
    } catch (error) {
      if (this.#last === null || this.#now() - this.#lastAt > LONGEST_STAND_IN_MS) throw error;
      return this.#last;
    }
  }

  /**
   * For those who are about to take memory: an older reading may count what another model has taken since as free.
   * @throws whatever the second try failed with.
   */
  async readNow(): Promise<MemoryReading> {
    return await this.#keep().catch(async () => await this.#keep());
  }

  async #keep(): Promise<MemoryReading> {
    const reading = await this.#read();
    this.#last = reading;
    this.#lastAt = this.#now();
    return reading;
  }
}
