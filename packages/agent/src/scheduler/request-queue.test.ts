import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LONGEST_WAIT_MS, type Priority, RequestQueue, type Waiting } from './request-queue.ts';

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
