/**
 * Order of the requests that wait for one model. No effects and no clock of its own: the caller passes the time, in
 * milliseconds of any steady clock that never goes back.
 */

export type Priority = 'high' | 'normal' | 'low';

const ORDER: readonly Priority[] = ['high', 'normal', 'low'];

/** How long a request of each priority may wait for a turn, milliseconds. */
export const LONGEST_WAIT_MS: Readonly<Record<Priority, number>> = {
  high: 300_000,
  normal: 120_000,
  low: 60_000,
};

/**
 * How much later a request may arrive and still go before one of a lower priority, milliseconds: the difference of two
 * figures. So a low request lets those high ones pass that arrive within 20 s after it, and no later ones. In ordinary load
 * nothing waits so long and high goes first throughout; under a stream of high ones a low one still gets its turn in the
 * 60 s that it may wait.
 */
export const HEAD_START_MS: Readonly<Record<Priority, number>> = { high: 20_000, normal: 10_000, low: 0 };

export interface Waiting {
  readonly id: string;
  readonly priority: Priority;
}

interface Entry<Item> {
  readonly item: Item;
  readonly arrivedAt: number;
  waitingSince: number;
}

/**
 * High before normal before low, with ageing; within a priority first come, first served. Adding, removing and taking
 * the next one cost the same however many wait.
 */
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
    this.#lanes[item.priority].set(item.id, { item, arrivedAt: now, waitingSince: now });
  }

  /** Takes the next request out; null when none waits. */
  takeNext(): Item | null {
    let next: Entry<Item> | null = null;
    let earliest = Infinity;
    for (const priority of ORDER) {
      const head = this.#head(priority);
      if (head === null) continue;
      const turn = head.arrivedAt - HEAD_START_MS[priority];
      // Not `<=`: of two whose turns fall together the higher one goes.
      if (turn < earliest) {
        earliest = turn;
        next = head;
      }
    }
    if (next === null) return null;
    this.#lanes[next.item.priority].delete(next.item.id);
    return next.item;
  }

  /** Whether the request was waiting. */
  remove(id: string): boolean {
    return ORDER.some((priority) => this.#lanes[priority].delete(id));
  }

  /** Takes everything out, in the order of serving. */
  takeAll(): Item[] {
    const items: Item[] = [];
    for (let next = this.takeNext(); next !== null; next = this.takeNext()) items.push(next);
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

  /** The time that a model takes to load does not count as waiting for a turn. It does not change whose turn it is. */
  restartClocks(now: number): void {
    for (const priority of ORDER) {
      for (const entry of this.#lanes[priority].values()) entry.waitingSince = now;
    }
  }

  #head(priority: Priority): Entry<Item> | null {
    for (const entry of this.#lanes[priority].values()) return entry;
    return null;
  }
}
