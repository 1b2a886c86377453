/** Lends things one at a time, in the order in which they are asked for. */
export class Pool<Item> {
  readonly #free: Item[];
  readonly #waiting: Array<(item: Item) => void> = [];

  constructor(items: readonly Item[]) {
    this.#free = [...items];
  }

  /** Waits for a free one, and takes it back however `use` ends. */
  async lend<Result>(use: (item: Item) => Promise<Result>): Promise<Result> {
    const item = this.#free.shift() ?? (await new Promise<Item>((resolve) => this.#waiting.push(resolve)));
    try {
      return await use(item);
    } finally {
      const next = this.#waiting.shift();
      if (next === undefined) this.#free.push(item);
      else next(item);
    }
  }
}
