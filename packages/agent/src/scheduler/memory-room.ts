/** A model that holds memory, as the eviction policy sees it. */
export interface Resident {
  readonly id: string;
  readonly bytes: number;
  /** Requests running or waiting. */
  readonly busy: boolean;
  readonly pinned: boolean;
  /** Milliseconds of any steady clock. */
  readonly lastUsed: number;
}

export type RoomDecision =
  | { readonly kind: 'fits'; readonly evict: readonly string[] }
  | { readonly kind: 'refused'; readonly reason: string };

/** What has to go so that `needed` bytes fit under `limit`: the least recently used of the idle and unpinned first. */
export function planRoom(needed: number, limit: number, residents: readonly Resident[]): RoomDecision {
  if (needed > limit) {
    return {
      kind: 'refused',
      reason: `it needs about ${gigabytes(needed)}, and models may use ${gigabytes(limit)} on this host`,
    };
  }
  let used = residents.reduce((sum, resident) => sum + resident.bytes, 0);
  const evict: string[] = [];
  const candidates = residents
    .filter((resident) => !resident.busy && !resident.pinned)
    .toSorted((left, right) => left.lastUsed - right.lastUsed);
  for (const candidate of candidates) {
    if (used + needed <= limit) break;
    evict.push(candidate.id);
    used -= candidate.bytes;
  }
  if (used + needed <= limit) return { kind: 'fits', evict };
  return {
    kind: 'refused',
    reason:
      `it needs about ${gigabytes(needed)}, models may use ${gigabytes(limit)} on this host, ` +
      `and ${gigabytes(used)} are held by models that are busy or pinned`,
  };
}

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(1)} GB`;
}
