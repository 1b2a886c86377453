import { expect, test } from 'vitest';
import { Slots } from './slots.ts';

const never = new AbortController().signal;

/** Work that ends when it is told to. */
function held(begun: string[], name: string): { work: () => Promise<string>; end: (error?: Error) => void } {
  const gate = Promise.withResolvers<string>();
  return {
    work: async () => {
      begun.push(name);
      return await gate.promise;
    },
    end: (error) => {
      if (error === undefined) gate.resolve(name);
      else gate.reject(error);
    },
  };
}

test('so much goes on at a time, and the rest in the order in which it came', async () => {
  const slots = new Slots(2);
  const begun: string[] = [];
  const works = ['a', 'b', 'c', 'd'].map((name) => held(begun, name));
  const results = works.map(async ({ work }) => await slots.run(never, work));
  await Promise.resolve();
  expect(begun).toEqual(['a', 'b']);
  works[1]?.end();
  expect(await results[1]).toBe('b');
  expect(begun).toEqual(['a', 'b', 'c']);
  for (const { end } of works) end();
  expect(await Promise.all(results)).toEqual(['a', 'b', 'c', 'd']);
});

test('work that fails gives its slot back', async () => {
  const slots = new Slots(1);
  const failing = held([], 'a');
  const result = slots.run(never, failing.work);
  failing.end(new Error('broken'));
  await expect(result).rejects.toThrow('broken');
  expect(await slots.run(never, async () => 1)).toBe(1);
});

test('what waits can be given up, and takes no slot', async () => {
  const slots = new Slots(1);
  const begun: string[] = [];
  const [first, second, third] = [held(begun, 'a'), held(begun, 'b'), held(begun, 'c')];
  const leaving = new AbortController();
  const results = [
    slots.run(never, first.work),
    slots.run(leaving.signal, second.work),
    slots.run(never, third.work),
  ];
  leaving.abort(new Error('gone'));
  await expect(results[1]).rejects.toThrow('gone');
  first.end();
  third.end();
  expect(await results[2]).toBe('c');
  expect(begun).toEqual(['a', 'c']);
  await expect(slots.run(leaving.signal, second.work)).rejects.toThrow('gone');
  expect(await slots.run(never, async () => 1)).toBe(1);
});

test('a slot that is given to what is given up in the same moment is not lost', async () => {
  const slots = new Slots(1);
  const first = held([], 'a');
  const leaving = new AbortController();
  const result = slots.run(never, first.work);
  const next = slots.run(leaving.signal, async () => 'b');
  first.end();
  await result;
  leaving.abort(new Error('gone'));
  await next.catch(() => {});
  expect(await slots.run(never, async () => 1)).toBe(1);
});
