import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { planRoom, type Resident } from './memory-room.ts';

const idle = (id: string, bytes: number, lastUsed: number): Resident => ({
  id,
  bytes,
  lastUsed,
  busy: false,
  pinned: false,
});

describe('room in memory', () => {
  test('evicts the least recently used first, and no more than needed', () => {
    const residents = [idle('new', 4, 30), idle('old', 4, 10), idle('middle', 4, 20)];
    expect(planRoom(6, 14, residents)).toEqual({ kind: 'fits', evict: ['old'] });
    expect(planRoom(10, 14, residents)).toEqual({ kind: 'fits', evict: ['old', 'middle'] });
    expect(planRoom(2, 14, residents)).toEqual({ kind: 'fits', evict: [] });
  });

  test('refuses what never fits, and what only busy or pinned models could make room for', () => {
    expect(planRoom(15e9, 14e9, [])).toMatchObject({ kind: 'refused', reason: /15\.0 GB.*14\.0 GB/ });
    const busy = { ...idle('busy', 8e9, 1), busy: true };
    const pinned = { ...idle('pinned', 4e9, 1), pinned: true };
    expect(planRoom(4e9, 14e9, [busy, pinned])).toMatchObject({
      kind: 'refused',
      reason: /12\.0 GB are held by models that are busy or pinned/,
    });
  });

  test('never plans beyond the limit, never evicts what is busy or pinned', () => {
    const resident = fc.record({
      id: fc.uuid(),
      bytes: fc.nat(100),
      lastUsed: fc.nat(),
      busy: fc.boolean(),
      pinned: fc.boolean(),
    });
    fc.assert(
      fc.property(fc.nat(200), fc.nat(300), fc.array(resident), (needed, limit, residents) => {
        const plan = planRoom(needed, limit, residents);
        if (plan.kind === 'refused') return;
        const stay = residents.filter(({ id }) => !plan.evict.includes(id));
        const used = stay.reduce((sum, { bytes }) => sum + bytes, 0);
        expect(used + needed).toBeLessThanOrEqual(limit);
        const gone = residents.filter(({ id }) => plan.evict.includes(id));
        expect(gone.every(({ busy, pinned }) => !busy && !pinned)).toBe(true);
      }),
    );
  });
});
