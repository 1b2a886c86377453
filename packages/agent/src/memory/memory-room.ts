import { gigabytes } from './gigabytes.ts';

/** A model that holds memory, or is about to, as the policies of memory see it. Sizes are bytes. */
export interface Resident {
  readonly id: string;
  /** What it may count on: its weights and its working set. */
  readonly floorBytes: number;
  /** What MLX really holds for it, by its worker's last word. */
  readonly heldBytes: number;
  /** Of that, kept prefixes, features of images and unused buffers, which can be dropped at once. */
  readonly cacheBytes: number;
  /**
   * Decoded images, which can be dropped at once too. The system has them to give, and the limit for models does not count
   * them: they are outside of MLX, in the reserve.
   */
  readonly imageBytes: number;
  /** Of both, what is kept for further requests: all but unused buffers. */
  readonly keptBytes: number;
  /** Its weights are still being read: what it may count on is not yet missing in what the system has. */
  readonly loading: boolean;
  /** Requests running or waiting, or on its way up or down. */
  readonly busy: boolean;
  readonly pinned: boolean;
  /** Milliseconds of any steady clock. */
  readonly lastUsed: number;
}

export interface Room {
  /** What models may use together. */
  readonly limitBytes: number;
  /** What the system can still give. */
  readonly availableBytes: number;
}

export type RoomDecision =
  /** `shrink`: whose caches have to be dropped. */
  | { readonly kind: 'fits'; readonly evict: readonly string[]; readonly shrink: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

interface Step {
  readonly kind: 'evict' | 'shrink';
  readonly id: string;
}

/**
 * What has to go so that `needed` bytes fit under the limit and into what the system has: first the caches of idle models,
 * then idle unpinned models, then the caches of the others; of each kind the least recently used first, and no
 * more than it takes.
 */
export function planRoom(needed: number, room: Room, residents: readonly Resident[]): RoomDecision {
  if (needed > room.limitBytes) {
    return {
      kind: 'refused',
      reason: `it needs about ${gigabytes(needed)}, and models may use ${gigabytes(room.limitBytes)} on this host`,
    };
  }
  const fits = (steps: readonly Step[]): boolean => {
    const { used, available } = after(steps, room, residents);
    return used + needed <= room.limitBytes && needed <= available;
  };
  const all = possibleSteps(residents);
  if (!fits(all)) return { kind: 'refused', reason: refusal(needed, room, after(all, room, residents)) };
  const taken: Step[] = [];
  for (const step of all) {
    if (fits(taken)) break;
    taken.push(step);
  }
  const steps = withoutSuperfluous(taken, fits);
  const ids = (kind: Step['kind']): string[] =>
    steps.filter((step) => step.kind === kind).map(({ id }) => id);
  const evict = ids('evict');
  return { kind: 'fits', evict, shrink: ids('shrink').filter((id) => !evict.includes(id)) };
}

/** A large step may make earlier ones superfluous: evictions go from the plan before the dropping of caches does. */
function withoutSuperfluous(
  taken: readonly Step[],
  fits: (steps: readonly Step[]) => boolean,
): readonly Step[] {
  const isEviction = ({ kind }: Step): boolean => kind === 'evict';
  let steps = taken;
  for (const step of [...taken.filter(isEviction), ...taken.filter((each) => !isEviction(each))]) {
    const others = steps.filter((other) => other !== step);
    if (fits(others)) steps = others;
  }
  return steps;
}

function possibleSteps(residents: readonly Resident[]): Step[] {
  const oldestFirst = residents.toSorted((left, right) => left.lastUsed - right.lastUsed);
  const shrinkable = oldestFirst.filter(({ cacheBytes, imageBytes }) => cacheBytes + imageBytes > 0);
  const shrink = ({ id }: Resident): Step => ({ kind: 'shrink', id });
  return [
    ...shrinkable.filter(({ busy }) => !busy).map(shrink),
    ...oldestFirst
      .filter(({ busy, pinned }) => !busy && !pinned)
      .map(({ id }): Step => ({ kind: 'evict', id })),
    ...shrinkable.filter(({ busy }) => busy).map(shrink),
  ];
}

interface After {
  /** Bytes that the remaining models hold or may count on. */
  readonly used: number;
  /** Bytes that the system has then. */
  readonly available: number;
}

function after(steps: readonly Step[], room: Room, residents: readonly Resident[]): After {
  const has = (kind: Step['kind'], id: string): boolean =>
    steps.some((step) => step.kind === kind && step.id === id);
  let used = 0;
  let available = room.availableBytes;
  for (const { id, floorBytes, heldBytes, cacheBytes, imageBytes, loading } of residents) {
    const gone = has('evict', id);
    const shrunk = has('shrink', id);
    const dropped = gone ? heldBytes : shrunk ? cacheBytes : 0;
    available += dropped + (gone || shrunk ? imageBytes : 0);
    if (loading && !gone) available -= Math.max(0, floorBytes - heldBytes);
    if (!gone) used += Math.max(floorBytes, heldBytes - dropped);
  }
  return { used, available };
}

function refusal(needed: number, room: Room, { used, available }: After): string {
  if (used + needed > room.limitBytes) {
    return (
      `it needs about ${gigabytes(needed)}, models may use ${gigabytes(room.limitBytes)} on this host, ` +
      `and ${gigabytes(used)} are held by models that are busy or pinned`
    );
  }
  return `it needs about ${gigabytes(needed)}, and the system has ${gigabytes(Math.max(0, available))} to give`;
}
