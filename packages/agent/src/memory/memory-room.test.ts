import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planRoom, type Resident, type Room } from './memory-room.ts';

function idle(id: string, bytes: number, lastUsed: number, more: Partial<Resident> = {}): Resident {
  const sizes = { floorBytes: bytes, heldBytes: bytes, cacheBytes: 0, imageBytes: 0, keptBytes: 0 };
  return { id, ...sizes, lastUsed, loading: false, busy: false, pinned: false, ...more };
}

function room(limitBytes: number, availableBytes = Infinity): Room {
  return { limitBytes, availableBytes };
}

describe('room in memory', () => {
  test('evicts the least recently used first, and no more than needed', () => {
    const residents = [idle('new', 4, 30), idle('old', 4, 10), idle('middle', 4, 20)];
    expect(planRoom(6, room(14), residents)).toEqual({ kind: 'fits', evict: ['old'], shrink: [] });
    expect(planRoom(10, room(14), residents)).toEqual({ kind: 'fits', evict: ['old', 'middle'], shrink: [] });
    expect(planRoom(2, room(14), residents)).toEqual({ kind: 'fits', evict: [], shrink: [] });
  });

  test('drops caches before it evicts, those of idle models first', () => {
    const busy = idle('busy', 6, 1, { cacheBytes: 3, floorBytes: 3, busy: true });
    const pinned = idle('pinned', 6, 2, { cacheBytes: 3, floorBytes: 3, pinned: true });
    expect(planRoom(5, room(14), [busy, pinned])).toEqual({ kind: 'fits', evict: [], shrink: ['pinned'] });
    expect(planRoom(8, room(14), [busy, pinned])).toEqual({
      kind: 'fits',
      evict: [],
      shrink: ['pinned', 'busy'],
    });
    const other = idle('idle', 5, 3);
    expect(planRoom(2, room(17), [busy, pinned, other])).toEqual({
      kind: 'fits',
      evict: [],
      shrink: ['pinned'],
    });
  });

  test('caches that need not go stay when a model has to go anyhow', () => {
    const small = idle('small', 4, 1, { cacheBytes: 1, floorBytes: 3 });
    const large = idle('large', 8, 2);
    expect(planRoom(7, room(14), [small, large])).toEqual({ kind: 'fits', evict: ['large'], shrink: [] });
    const pinned = { ...small, pinned: true };
    expect(planRoom(7, room(14), [pinned, large])).toEqual({ kind: 'fits', evict: ['large'], shrink: [] });
  });

  test('a model whose caches suffice stays when a model used later has to go anyhow', () => {
    const old = idle('old', 2, 1, { cacheBytes: 1, floorBytes: 0 });
    const recent = idle('recent', 2, 2);
    expect(planRoom(1, room(2), [old, recent])).toEqual({ kind: 'fits', evict: ['recent'], shrink: ['old'] });
  });

  test('makes room in what the system has, too', () => {
    const residents = [idle('a', 4, 1), idle('b', 4, 2)];
    expect(planRoom(6, room(100, 3), residents)).toEqual({ kind: 'fits', evict: ['a'], shrink: [] });
    expect(planRoom(20, room(100, 3), residents)).toEqual({
      kind: 'refused',
      reason: 'it needs about 0.0 GB, and the system has 0.0 GB to give',
    });
  });

  test('decoded images are what the system can have, and nothing that the limit counts', () => {
    const seeing = idle('seeing', 4, 1, { imageBytes: 3, busy: true });
    expect(planRoom(6, room(100, 4), [seeing])).toEqual({ kind: 'fits', evict: [], shrink: ['seeing'] });
    expect(planRoom(8, room(100, 4), [seeing]).kind).toBe('refused');
    expect(planRoom(7, room(10, 100), [seeing]).kind).toBe('refused');
    const resting = { ...seeing, busy: false };
    expect(planRoom(11, room(100, 4), [resting])).toEqual({ kind: 'fits', evict: ['seeing'], shrink: [] });
  });

  test('counts what a model that is loading will take from the system', () => {
    const loading = idle('a', 4e9, 1, { heldBytes: 0, loading: true, busy: true });
    expect(planRoom(3e9, room(100e9, 8e9), [loading]).kind).toBe('fits');
    expect(planRoom(5e9, room(100e9, 8e9), [loading])).toMatchObject({
      kind: 'refused',
      reason: /5\.0 GB.*system has 4\.0 GB/,
    });
  });

  test('refuses what never fits, and what only busy or pinned models could make room for', () => {
    expect(planRoom(15e9, room(14e9), [])).toMatchObject({ kind: 'refused', reason: /15\.0 GB.*14\.0 GB/ });
    const busy = idle('busy', 8e9, 1, { busy: true });
    const pinned = idle('pinned', 4e9, 1, { pinned: true });
    expect(planRoom(4e9, room(14e9), [busy, pinned])).toMatchObject({
      kind: 'refused',
      reason: /12\.0 GB are held by models that are busy or pinned/,
    });
  });

  test('never plans beyond a limit, never touches more than it may, takes no step that is not needed', () => {
    const resident = fc
      .record({
        id: fc.uuid(),
        floorBytes: fc.nat(100),
        heldBytes: fc.nat(100),
        cacheShare: fc.double({ min: 0, max: 1, noNaN: true }),
        lastUsed: fc.nat(),
        loading: fc.boolean(),
        busy: fc.boolean(),
        pinned: fc.boolean(),
      })
      .map(({ cacheShare, ...rest }): Resident => {
        const cacheBytes = Math.floor(rest.heldBytes * cacheShare);
        return Object.assign(rest, {
          busy: rest.busy || rest.loading,
          cacheBytes,
          imageBytes: 0,
          keptBytes: 0,
        });
      });
    fc.assert(
      fc.property(
        fc.nat(200),
        fc.nat(300),
        fc.nat(300),
        // A pool holds each id once.
        fc.uniqueArray(resident, { selector: ({ id }) => id }),
        (needed, limit, available, residents) => {
          const plan = planRoom(needed, room(limit, available), residents);
          if (plan.kind === 'refused') return;
          const fits = (evict: readonly string[], shrink: readonly string[]): boolean => {
            const stay = residents.filter(({ id }) => !evict.includes(id));
            const cache = (each: Resident): number => (shrink.includes(each.id) ? each.cacheBytes : 0);
            const used = stay.reduce(
              (sum, each) => sum + Math.max(each.floorBytes, each.heldBytes - cache(each)),
              0,
            );
            const freed = residents.reduce(
              (sum, each) => sum + (evict.includes(each.id) ? each.heldBytes : cache(each)),
              0,
            );
            const pending = stay.reduce(
              (sum, each) => sum + (each.loading ? Math.max(0, each.floorBytes - each.heldBytes) : 0),
              0,
            );
            return used + needed <= limit && needed <= available + freed - pending;
          };
          const { evict, shrink } = plan;
          expect(fits(evict, shrink)).toBe(true);
          const gone = residents.filter(({ id }) => evict.includes(id));
          expect(gone.every(({ busy, pinned }) => !busy && !pinned)).toBe(true);
          expect(shrink.some((id) => evict.includes(id))).toBe(false);
          for (const id of evict)
            expect(
              fits(
                evict.filter((other) => other !== id),
                [...shrink, id],
              ),
            ).toBe(false);
          for (const id of shrink)
            expect(
              fits(
                evict,
                shrink.filter((other) => other !== id),
              ),
            ).toBe(false);
        },
      ),
      { numRuns: 2000 },
    );
  });
});
