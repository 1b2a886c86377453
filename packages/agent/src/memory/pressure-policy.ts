import { gigabytes } from './gigabytes.ts';
import { type MemoryReading, type Pressure, pressureOf } from './memory-pressure.ts';
import type { Resident } from './memory-room.ts';

/**
 * What to do when the machine runs short of memory, as a pure function of what is seen. In this order, one step at a time,
 * each with time to work: kept prefixes and images go, then idle models, and then nothing new is taken in until it eases. Running
 * requests are never touched.
 *
 * A warning is everyday life on a small machine. It costs what is kept, half of it at a time, and models that nobody has used
 * for a while, but no request. Only a critical state, in which the system is about to swap or to kill, costs all of it
 * and makes the agent refuse.
 */
export interface GuardState {
  readonly pressure: Pressure;
  /** Since when it is not critical; null while it is. */
  readonly easedSince: number | null;
  /** When the last step was taken; null when there was none since the pressure began. */
  readonly actedAt: number | null;
  /** Models that were told to drop all that they keep since the pressure began, and when. */
  readonly emptied: ReadonlyMap<string, number>;
  /** Why nothing new is taken in; null while it is. */
  readonly refusal: string | null;
}

export const CALM: GuardState = {
  pressure: 'normal',
  easedSince: null,
  actedAt: null,
  emptied: new Map(),
  refusal: null,
};

export interface Observed {
  readonly reading: MemoryReading;
  readonly residents: readonly Resident[];
  /** What models may use together. */
  readonly limitBytes: number;
  /** Milliseconds of a steady clock. */
  readonly now: number;
}

export type GuardAction =
  | { readonly kind: 'shrink'; readonly id: string; readonly keepBytes: number }
  | { readonly kind: 'unload'; readonly id: string };

export interface GuardDecision {
  readonly state: GuardState;
  readonly actions: readonly GuardAction[];
}

/** How long a step has to show before the next one, milliseconds: the system counts memory with a delay. */
export const SETTLE_MS: Readonly<Record<'warn' | 'critical', number>> = { warn: 5000, critical: 2000 };
/** What was refused is taken in again when it has not been critical for so long. */
export const EASE_MS = 10_000;
/** A model has to be unused for so long before a mere warning unloads it: otherwise each chat would wait for it again. */
export const WARN_IDLE_MS = 60_000;
/** Caches fill again. A model that still has some sooner than this has not done as told, and is not told again and again. */
const EMPTIED_LASTS_MS = 30_000;
/** Caches below this are not worth a step, and halves below it are dropped whole. */
const SMALL_CACHE_BYTES = 32 * 1024 ** 2;

/** Looks at the memory, and says what to do about it. */
export function guard(state: GuardState, observed: Observed): GuardDecision {
  const { reading, residents, limitBytes, now } = observed;
  const held = residents.reduce((sum, { heldBytes }) => sum + heldBytes, 0);
  const isOver = held > limitBytes;
  const system = pressureOf(reading, state.pressure);
  const pressure = system === 'normal' && isOver ? 'warn' : system;
  const easedSince = pressure === 'critical' ? null : (state.easedSince ?? now);
  const hasEased = easedSince !== null && now - easedSince >= EASE_MS;
  const refusal = hasEased ? null : state.refusal;
  if (pressure === 'normal') return { state: { ...CALM, easedSince, refusal }, actions: [] };

  const next: GuardState = { ...state, pressure, easedSince, refusal };
  const isSettled = state.actedAt === null || now - state.actedAt >= SETTLE_MS[pressure];
  // A state that has just become critical does not wait for what a warning had begun.
  const isWorse = pressure === 'critical' && state.pressure !== 'critical';
  if (!isSettled && !isWorse) return { state: next, actions: [] };

  const shrinks = residents
    .filter(({ id, cacheBytes, imageBytes }) => {
      const isEmptied = now - (state.emptied.get(id) ?? -Infinity) < EMPTIED_LASTS_MS;
      return cacheBytes + imageBytes >= SMALL_CACHE_BYTES && !isEmptied;
    })
    .map((resident) => shrink(resident, pressure));
  if (shrinks.length > 0) {
    const emptied = new Map(state.emptied);
    for (const { id, keepBytes } of shrinks) if (keepBytes === 0) emptied.set(id, now);
    return { state: { ...next, actedAt: now, emptied }, actions: shrinks };
  }
  const shortestIdle = pressure === 'critical' || isOver ? 0 : WARN_IDLE_MS;
  const [oldest] = residents
    .filter(({ busy, pinned, lastUsed }) => !busy && !pinned && now - lastUsed >= shortestIdle)
    .toSorted((left, right) => left.lastUsed - right.lastUsed);
  if (oldest !== undefined) {
    return { state: { ...next, actedAt: now }, actions: [{ kind: 'unload', id: oldest.id }] };
  }
  return { state: pressure === 'critical' ? { ...next, refusal: reason(reading) } : next, actions: [] };
}

function shrink({ id, keptBytes }: Resident, pressure: Pressure): GuardAction & { kind: 'shrink' } {
  const half = Math.floor(keptBytes / 2);
  const keepBytes = pressure === 'critical' || half < SMALL_CACHE_BYTES ? 0 : half;
  return { kind: 'shrink', id, keepBytes };
}

function reason({ availableBytes, totalBytes, systemPressure }: MemoryReading): string {
  const figures = `${gigabytes(availableBytes)} of ${gigabytes(totalBytes)} are available`;
  return systemPressure === null ? figures : `the system calls it critical, ${figures}`;
}
