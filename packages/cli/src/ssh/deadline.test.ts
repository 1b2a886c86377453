import { setTimeout as sleep } from 'node:timers/promises';
import { expect, it } from 'vitest';
import { Deadline, DeadlinePassed, raceWithSignal } from './deadline.ts';

const never = new Promise<never>(() => undefined);

it('ends a wait that takes too long', async () => {
  const deadline = new Deadline(30);
  await expect(deadline.race(never)).rejects.toThrow(DeadlinePassed);
});

it('stands still while a person is asked', async () => {
  const deadline = new Deadline(60);
  await expect(deadline.pauseDuring(sleep(150, 'answer'))).resolves.toBe('answer');
  expect(deadline.leftMs).toBeGreaterThan(20);
  await expect(deadline.race(never)).rejects.toThrow('no answer within 0.06 s');
});

it('ends with the reason of an outer signal, questions included', async () => {
  const outer = new AbortController();
  const deadline = new Deadline(10_000, outer.signal);
  const asked = deadline.pauseDuring(never);
  outer.abort(new Error('Ctrl-C'));
  await expect(asked).rejects.toThrow('Ctrl-C');
  deadline.end();
});

it('leaves work alone that nobody limits', async () => {
  await expect(raceWithSignal(Promise.resolve(1), undefined)).resolves.toBe(1);
  await expect(raceWithSignal(Promise.resolve(1), AbortSignal.abort(new Error('late')))).rejects.toThrow(
    'late',
  );
});
