import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { MemoryReading, Pressure } from './memory-pressure.ts';
import type { Resident } from './memory-room.ts';
import {
  CALM,
  EASE_MS,
  guard,
  type GuardAction,
  type GuardState,
  SETTLE_MS,
  WARN_IDLE_MS,
} from './pressure-policy.ts';

const GB = 1e9;

function reading(systemPressure: Pressure): MemoryReading {
  return { totalBytes: 16 * GB, availableBytes: 2 * GB, systemPressure, stall: null };
}

function model(id: string, more: Partial<Resident> = {}): Resident {
  return {
    id,
    floorBytes: 2 * GB,
    heldBytes: 2 * GB,
    cacheBytes: 0,
    imageBytes: 0,
    keptBytes: 0,
    loading: false,
    busy: false,
    pinned: false,
    lastUsed: 0,
    ...more,
  };
}

/** Follows the policy over time, with models that do as they are told at once. */
class Story {
  state: GuardState = CALM;
  now = 1_000_000;
  residents: Resident[];
  limitBytes = 12 * GB;

  constructor(...residents: Resident[]) {
    this.residents = residents;
  }

  look(pressure: Pressure, later = 0): readonly GuardAction[] {
    this.now += later;
    const { state, actions } = guard(this.state, {
      reading: reading(pressure),
      residents: this.residents,
      limitBytes: this.limitBytes,
      now: this.now,
    });
    this.state = state;
    for (const action of actions) {
      if (action.kind === 'unload') this.residents = this.residents.filter(({ id }) => id !== action.id);
      else {
        this.residents = this.residents.map((each) => {
          return each.id === action.id
            ? { ...each, cacheBytes: action.keepBytes, imageBytes: 0, keptBytes: action.keepBytes }
            : each;
        });
      }
    }
    return actions;
  }
}

const CACHED = { cacheBytes: GB, keptBytes: GB };

describe('the guard of memory', () => {
  test('does nothing while there is enough', () => {
    const story = new Story(model('a', CACHED), model('b'));
    expect([story.look('normal'), story.look('normal', 60_000)]).toEqual([[], []]);
    expect(story.state.refusal).toBeNull();
  });

  test('critical: prefixes first, then idle models one by one, then it refuses', () => {
    const story = new Story(
      model('busy', { ...CACHED, busy: true }),
      model('new', { ...CACHED, lastUsed: 20 }),
      model('old', { lastUsed: 10 }),
      model('pinned', { pinned: true, lastUsed: 1 }),
    );
    expect(story.look('critical')).toEqual([
      { kind: 'shrink', id: 'busy', keepBytes: 0 },
      { kind: 'shrink', id: 'new', keepBytes: 0 },
    ]);
    expect(story.look('critical', SETTLE_MS.critical - 1)).toEqual([]);
    expect(story.look('critical', 1)).toEqual([{ kind: 'unload', id: 'old' }]);
    expect(story.look('critical', SETTLE_MS.critical)).toEqual([{ kind: 'unload', id: 'new' }]);
    expect(story.state.refusal).toBeNull();
    expect(story.look('critical', SETTLE_MS.critical)).toEqual([]);
    expect(story.state.refusal).toBe('the system calls it critical, 2.0 GB of 16.0 GB are available');
  });

  test('takes requests in again only when it has eased for a while', () => {
    const story = new Story();
    story.look('critical');
    expect(story.state.refusal).not.toBeNull();
    story.look('normal', 1000);
    story.look('normal', EASE_MS - 1);
    expect(story.state.refusal).not.toBeNull();
    story.look('critical', 1);
    story.look('warn', 1000);
    story.look('warn', EASE_MS - 1);
    expect(story.state.refusal).not.toBeNull();
    story.look('warn', 1);
    expect(story.state.refusal).toBeNull();
  });

  test('a warning halves prefixes and unloads what nobody has used for a while, and refuses nothing', () => {
    const story = new Story(model('a', { ...CACHED, lastUsed: 1_000_000 }));
    expect(story.look('warn')).toEqual([{ kind: 'shrink', id: 'a', keepBytes: GB / 2 }]);
    expect(story.look('warn', SETTLE_MS.warn)).toEqual([{ kind: 'shrink', id: 'a', keepBytes: GB / 4 }]);
    for (let step = 0; step < 4; step += 1) story.look('warn', SETTLE_MS.warn);
    expect(story.residents[0]?.cacheBytes).toBe(0);
    expect(story.look('warn', SETTLE_MS.warn)).toEqual([]);
    story.now = 1_000_000 + WARN_IDLE_MS;
    expect(story.look('warn')).toEqual([{ kind: 'unload', id: 'a' }]);
    expect(story.look('warn', 60_000)).toEqual([]);
    expect(story.state.refusal).toBeNull();
  });

  test('models that hold more than the limit together lose prefixes, and idle ones go at once', () => {
    const story = new Story(model('a', { heldBytes: 9 * GB, lastUsed: 999_999 }), model('b', CACHED));
    story.limitBytes = 10 * GB;
    expect(story.look('normal')).toEqual([{ kind: 'shrink', id: 'b', keepBytes: GB / 2 }]);
    story.residents = [model('a', { heldBytes: 9 * GB, lastUsed: 999_999, busy: true }), model('b')];
    expect(story.look('normal', SETTLE_MS.warn)).toEqual([{ kind: 'unload', id: 'b' }]);
  });

  test('images are kept memory as prefixes are', () => {
    const story = new Story(model('seeing', { imageBytes: GB, keptBytes: GB, busy: true }));
    expect(story.look('warn')).toEqual([{ kind: 'shrink', id: 'seeing', keepBytes: GB / 2 }]);
    expect(story.look('critical')).toEqual([{ kind: 'shrink', id: 'seeing', keepBytes: 0 }]);
  });

  test('a state that turns critical does not wait for the last step', () => {
    const story = new Story(model('a', CACHED));
    story.look('warn');
    expect(story.look('critical', 1)).toEqual([{ kind: 'shrink', id: 'a', keepBytes: 0 }]);
  });

  test('a model that keeps its prefixes does not keep the guard from going on', () => {
    const story = new Story(model('deaf', CACHED), model('b'));
    story.look('critical');
    story.residents = [model('deaf', { ...CACHED, pinned: true }), model('b')];
    expect(story.look('critical', SETTLE_MS.critical)).toEqual([{ kind: 'unload', id: 'b' }]);
  });

  test('never unloads what is busy or pinned, and refuses only after a critical state', () => {
    const residents = fc.array(
      fc.record({
        id: fc.uuid(),
        busy: fc.boolean(),
        pinned: fc.boolean(),
        lastUsed: fc.nat(1_000_000),
        cache: fc.nat(GB),
      }),
      { maxLength: 5 },
    );
    const looks = fc.array(
      fc.record({ pressure: fc.constantFrom<Pressure>('normal', 'warn', 'critical'), later: fc.nat(20_000) }),
    );
    fc.assert(
      fc.property(residents, looks, (models, seen) => {
        const story = new Story(
          ...models.map(({ cache, ...rest }) =>
            model(rest.id, { ...rest, cacheBytes: cache, keptBytes: cache }),
          ),
        );
        const stay = models.filter(({ busy, pinned }) => busy || pinned).map(({ id }) => id);
        let lastCritical = -Infinity;
        for (const { pressure, later } of seen) {
          story.look(pressure, later);
          if (pressure === 'critical') lastCritical = story.now;
          expect(story.state.refusal === null || story.now - lastCritical < EASE_MS + 20_000).toBe(true);
          expect(stay.every((id) => story.residents.some((each) => each.id === id))).toBe(true);
        }
        // Calm ends every refusal.
        story.look('normal');
        story.look('normal', EASE_MS);
        expect(story.state.refusal).toBeNull();
      }),
    );
  });
});
