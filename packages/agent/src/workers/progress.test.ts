import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  complaint,
  NO_PROGRESS,
  observe,
  type Observation,
  type Progress,
  stepBudget,
  WATCH_TIMES,
} from './progress.ts';

function after(...observations: Observation[]): Progress {
  return observations.reduce(observe, NO_PROGRESS);
}

function busy(ms: number): Observation {
  return { type: 'elapsed', ms, busy: true };
}

function idle(ms: number): Observation {
  return { type: 'elapsed', ms, busy: false };
}

/** A second of streams that go on, after which a request has been in preparation for so many seconds. */
function preparing(seconds: number): Observation[] {
  return [busy(1000), WORKED, { type: 'pong', steps: seconds, preparingMs: seconds * 1000 }];
}

const HEARD: Observation = { type: 'heard' };
const WORKED: Observation = { type: 'worked' };

describe('the budget of a step', () => {
  test('is generous before any step was seen, and tightened to twenty times the longest', () => {
    expect(stepBudget(null, WATCH_TIMES)).toBe(180_000);
    expect(stepBudget(4000, WATCH_TIMES)).toBe(80_000);
  });

  test('has a floor for new kernels and a ceiling for everything', () => {
    expect(stepBudget(5, WATCH_TIMES)).toBe(60_000);
    expect(stepBudget(60_000, WATCH_TIMES)).toBe(180_000);
  });

  test('a worker that slows down gradually keeps within it', () => {
    let progress = NO_PROGRESS;
    for (let ms = 1000; ms < 150_000; ms *= 4) {
      progress = [busy(ms), WORKED].reduce(observe, progress);
      expect(complaint(progress, WATCH_TIMES)).toBeNull();
    }
  });
});

describe('a worker', () => {
  test('that does not answer at all is complained of after 45 s, with work or without', () => {
    for (const wait of [busy, idle]) {
      expect(complaint(after(wait(44_999)), WATCH_TIMES)).toBeNull();
      expect(complaint(after(wait(45_000)), WATCH_TIMES)).toBe('it has not answered for 45 s');
    }
    expect(complaint(after(busy(44_000), HEARD, busy(44_000)), WATCH_TIMES)).toBeNull();
  });

  test('that answers and does not get on is complained of when its budget is spent', () => {
    const pong: Observation = { type: 'pong', steps: 7, preparingMs: 0 };
    const quick = after(busy(30), pong);
    const answering = (ms: number): Progress =>
      Array.from({ length: ms / 1000 }, () => [busy(1000), pong])
        .flat()
        .reduce(observe, quick);
    expect(complaint(answering(59_000), WATCH_TIMES)).toBeNull();
    expect(complaint(answering(60_000), WATCH_TIMES)).toBe('it made no progress for 60 s');
  });

  test('has 180 s for its first step', () => {
    const waiting = Array.from({ length: 179 }, () => [busy(1000), HEARD]).flat();
    expect(complaint(after(...waiting), WATCH_TIMES)).toBeNull();
    expect(complaint(after(...waiting, busy(1000)), WATCH_TIMES)).toBe('it made no progress for 180 s');
  });

  test('that has nothing to do owes no progress', () => {
    const resting = Array.from({ length: 1000 }, () => [idle(1000), HEARD]).flat();
    expect(complaint(after(WORKED, ...resting), WATCH_TIMES)).toBeNull();
    expect(after(busy(50_000), idle(1), HEARD).stalledMs).toBe(0);
  });

  test('counts from its last step, by its own count or by what it sent', () => {
    for (const step of [WORKED, { type: 'pong', steps: 1, preparingMs: 0 } as const]) {
      const progress = after(busy(20_000), step, busy(3000));
      expect(progress).toMatchObject({ stalledMs: 3000, longestStepMs: 20_000 });
    }
    expect(after({ type: 'pong', steps: 0, preparingMs: 0 }).longestStepMs).toBeNull();
  });

  test('whose preparation of one request hangs is complained of, also while its streams go on', () => {
    expect(complaint(after(...preparing(179)), WATCH_TIMES)).toBeNull();
    expect(complaint(after(...preparing(180)), WATCH_TIMES)).toBe(
      'it has been preparing one request for 180 s',
    );
    expect(complaint(after(...preparing(180), ...preparing(0)), WATCH_TIMES)).toBeNull();
  });

  test('whatever happens: complained of exactly when silent, stalled or preparing for longer than it may be', () => {
    const observation = fc.oneof<fc.Arbitrary<Observation>[]>(
      fc.constantFrom(HEARD, WORKED),
      fc.record({ type: fc.constant('pong'), steps: fc.nat(3), preparingMs: fc.nat(200_000) }),
      fc.record({ type: fc.constant('elapsed'), ms: fc.nat(2000), busy: fc.boolean() }),
    );
    fc.assert(
      fc.property(fc.array(observation, { maxLength: 200 }), (observations) => {
        const progress = observations.reduce(observe, NO_PROGRESS);
        const limit = stepBudget(progress.longestStepMs, WATCH_TIMES);
        expect(limit).toBeGreaterThanOrEqual(WATCH_TIMES.shortestStep);
        expect(limit).toBeLessThanOrEqual(WATCH_TIMES.longestStep);
        expect(complaint(progress, WATCH_TIMES) === null).toBe(
          progress.silentMs < WATCH_TIMES.silent &&
            progress.stalledMs < limit &&
            progress.preparingMs < WATCH_TIMES.longestStep,
        );
      }),
    );
  });
});
