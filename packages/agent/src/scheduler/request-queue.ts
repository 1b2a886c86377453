/**
 * Order of the requests that wait for one model. No effects and no clock of its own: the caller passes the time, in
 * milliseconds of any steady clock.
 */

export type Priority = 'high' | 'normal' | 'low';

const ORDER: readonly Priority[] = ['high', 'normal', 'low'];

/** How long a request of each priority may wait for a turn, milliseconds. */
export const LONGEST_WAIT_MS: Readonly<Record<Priority, number>> = {
  high: 300_000,
  normal: 120_000,
  low: 60_000,
};

export interface Waiting {
  readonly id: string;
  readonly priority: Priority;
}

interface Entry<Item> {
  readonly item: Item;
  waitingSince: number;
}

/** High before normal before low; within a priority first come, first served. */
export class RequestQueue<Item extends Waiting> {
  readonly #lanes: Readonly<Record<Priority, Map<string, Entry<Item>>>> = {
    high: new Map(),
    normal: new Map(),
    low: new Map(),
  };

  get size(): number {
    return this.#lanes.high.size + this.#lanes.normal.size + this.#lanes.low.size;
  }

  add(item: Item, now: number): void {
    this.#lanes[item.priority].set(item.id, { item, waitingSince: now });
  }

  /** Takes the next request out; null when none waits. */
  takeNext(): Item | null {
    for (const priority of ORDER) {
      const lane = this.#lanes[priority];
      for (const [id, entry] of lane) {
        lane.delete(id);
        return entry.item;
      }
    }
    return null;
  }

  /** Whether the request was waiting. */
  remove(id: string): boolean {
    return ORDER.some((priority) => this.#lanes[priority].delete(id));
  }

  /** Takes everything out, in the order of serving. */
  takeAll(): Item[] {
    const items = ORDER.flatMap((priority) =>
      Array.from(this.#lanes[priority].values(), (entry) => entry.item),
    );
    for (const priority of ORDER) this.#lanes[priority].clear();
    return items;
  }

  /** Takes out the requests that have waited too long. */
  takeExpired(now: number): Item[] {
    const expired: Item[] = [];
    for (const priority of ORDER) {
      const lane = this.#lanes[priority];
      for (const [id, entry] of lane) {
        // A lane is in order of arrival, so the first young one ends the search.
        if (now - entry.waitingSince < LONGEST_WAIT_MS[priority]) break;
        lane.delete(id);
        expired.push(entry.item);
      }
    }
    return expired;
  }

  /** The time that a model takes to load does not count as waiting for a turn. */
  restartClocks(now: number): void {
    for (const priority of ORDER) {
      for (const entry of this.#lanes[priority].values()) entry.waitingSince = now;
    }
  }
}
