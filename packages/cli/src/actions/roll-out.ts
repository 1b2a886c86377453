import { runParallel } from './run-parallel.ts';

/** How the roll-out goes on after one host. */
type HostVerdict = 'go-on' | 'stop';

export interface RollOutOptions<Item> {
  readonly isCanary: (item: Item) => boolean;
  readonly maxParallel: number;
  readonly run: (item: Item) => Promise<HostVerdict>;
  /** Called instead of `run` for each host that is not started because an earlier one failed. */
  readonly skip: (item: Item) => void;
}

/** Canary hosts first, one by one, then the others side by side; after a failure no further host is started. */
export async function rollOut<Item>(items: readonly Item[], options: RollOutOptions<Item>): Promise<void> {
  let stopped = false;
  const step = async (item: Item): Promise<void> => {
    if (stopped) options.skip(item);
    else if ((await options.run(item)) === 'stop') stopped = true;
  };
  const canaries = items.filter((item) => options.isCanary(item));
  const others = items.filter((item) => !options.isCanary(item));
  await runParallel(canaries, 1, step);
  await runParallel(others, options.maxParallel, step);
}
