import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  HEAD_START_MS,
  LONGEST_WAIT_MS,
  type Priority,
  RequestQueue,
  type Waiting,
} from './request-queue.ts';

function waiting(id: string, priority: Priority): Waiting {
  return { id, priority };
}

describe('request queue', () => {
  test('serves by priority, then by arrival', () => {
    const queue = new RequestQueue();
    for (const [index, priority] of (['low', 'normal', 'high', 'normal', 'high', 'low'] as const).entries()) {
      queue.add(waiting(String(index), priority), index);
    }
    expect(queue.takeAll().map(({ id }) => id)).toEqual(['2', '4', '1', '3', '0', '5']);
    expect(queue.size).toBe(0);
  });

  test('takes everything out exactly once, whatever the order of arrival and removal', () => {
    const priority = fc.constantFrom<Priority>('high', 'normal', 'low');
    fc.assert(
      fc.property(fc.array(fc.tuple(priority, fc.boolean())), (arrivals) => {
        const queue = new RequestQueue();
        const expected = new Set<string>();
        for (const [index, [each, stays]] of arrivals.entries()) {
          queue.add(waiting(String(index), each), index);
          if (stays) expected.add(String(index));
          expect(stays || queue.remove(String(index))).toBe(true);
        }
        const taken: string[] = [];
        for (let next = queue.takeNext(); next !== null; next = queue.takeNext()) taken.push(next.id);
        expect(new Set(taken)).toEqual(expected);
        expect(taken).toHaveLength(expected.size);
      }),
    );
  });

  test('a stream of high requests keeps a low one from its turn for a while only', () => {
    const queue = new RequestQueue();
    queue.add(waiting('low', 'low'), 0);
    const taken: string[] = [];
    // One arrives and one is served each second, for ever: there is always a high one at hand.
    queue.add(waiting('h0', 'high'), 0);
    for (let second = 1; second <= 60 && !taken.includes('low'); second += 1) {
      queue.add(waiting(`h${String(second)}`, 'high'), second * 1000);
      taken.push(queue.takeNext()?.id ?? 'nothing');
    }
    expect(taken.at(-1)).toBe('low');
    expect(taken).toHaveLength(22);
  });

  test('nothing is overtaken by what came later than the head start, nor by its own or a lower priority', () => {
    const arrival = fc.record({
      priority: fc.constantFrom<Priority>('high', 'normal', 'low'),
      pause: fc.nat(15_000),
      takes: fc.nat(2),
    });
    fc.assert(
      fc.property(fc.array(arrival, { maxLength: 60 }), (arrivals) => {
        const queue = new RequestQueue();
        const here = new Map<string, { priority: Priority; at: number }>();
        let now = 0;
        const take = (): void => {
          const next = queue.takeNext();
          if (next === null) return;
          const taken = here.get(next.id);
          here.delete(next.id);
          for (const left of here.values()) {
            const start = HEAD_START_MS[next.priority] - HEAD_START_MS[left.priority];
            expect((taken?.at ?? Infinity) - left.at).toBeLessThanOrEqual(Math.max(0, start));
          }
        };
        for (const [index, { priority, pause, takes }] of arrivals.entries()) {
          now += pause;
          queue.add(waiting(String(index), priority), now);
          here.set(String(index), { priority, at: now });
          for (let count = 0; count < takes; count += 1) take();
        }
        while (queue.size > 0) take();
        expect(here.size).toBe(0);
      }),
    );
  });

  test('a request waits 300, 120 or 60 seconds by its priority', () => {
    for (const [priority, longest] of [
      ['high', 300_000],
      ['normal', 120_000],
      ['low', 60_000],
    ] as const) {
      expect(LONGEST_WAIT_MS[priority]).toBe(longest);
      const queue = new RequestQueue();
      queue.add(waiting('a', priority), 1000);
      expect(queue.takeExpired(1000 + longest - 1)).toEqual([]);
      expect(queue.takeExpired(1000 + longest)).toHaveLength(1);
      expect(queue.size).toBe(0);
    }
  });

  test('the time that a model loads does not count', () => {
    const queue = new RequestQueue();
    queue.add(waiting('a', 'low'), 0);
    queue.restartClocks(100_000);
    expect(queue.takeExpired(159_999)).toEqual([]);
    expect(queue.takeExpired(160_000)).toHaveLength(1);
  });
});
