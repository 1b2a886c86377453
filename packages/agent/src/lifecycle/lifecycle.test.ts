import { expect, test } from 'vitest';
import { Lifecycle } from './lifecycle.ts';

test('a pause refuses new work until it is taken back', () => {
  const lifecycle = new Lifecycle();
  lifecycle.run();
  lifecycle.pause();
  expect(lifecycle.phase).toBe('draining');
  const draining = expect.objectContaining({ code: 'DRAINING', status: 503, retryAfter: 30 });
  expect(() => lifecycle.refuseWhenDraining()).toThrow(draining);
  expect(() => lifecycle.refuseUnlessReady()).toThrow(draining);
  lifecycle.resume();
  expect(lifecycle.phase).toBe('running');
  expect(() => lifecycle.refuseUnlessReady()).not.toThrow();
});

test('a pause while models are loading does not end the loading', () => {
  const lifecycle = new Lifecycle();
  lifecycle.pause();
  lifecycle.run();
  expect(lifecycle.phase).toBe('draining');
  lifecycle.resume();
  expect(lifecycle.phase).toBe('running');
});

test('an agent that stops is not resumed, and says so to what waits for others', () => {
  const lifecycle = new Lifecycle();
  lifecycle.run();
  lifecycle.pause();
  expect(lifecycle.stopping.aborted).toBe(false);
  lifecycle.drain();
  expect(lifecycle.stopping.reason).toMatchObject({ code: 'DRAINING' });
  expect(() => lifecycle.resume()).toThrow(expect.objectContaining({ code: 'DRAINING', retryAfter: 10 }));
  expect(lifecycle.phase).toBe('draining');
});
