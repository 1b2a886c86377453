import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  backoff,
  INITIAL_STATUS,
  loadDeadline,
  transition,
  WORKER_TIMES,
  type WorkerEffect,
  type WorkerEvent,
  type WorkerStatus,
} from './worker-transition.ts';

/** The state after the events, and the kinds of the last one's effects. */
function after(...events: WorkerEvent[]): { status: WorkerStatus; effects: string[]; all: WorkerEffect[] } {
  let status = INITIAL_STATUS;
  let effects: readonly WorkerEffect[] = [];
  for (const event of events) ({ status, effects } = transition(status, event, WORKER_TIMES));
  return { status, effects: effects.map(({ type }) => type), all: [...effects] };
}

const PROCESS_READY: WorkerEvent = { type: 'process-ready', modelBytes: 40e9 };
const READY: WorkerEvent[] = [{ type: 'start' }, PROCESS_READY, { type: 'loaded' }];
const EXITED: WorkerEvent = { type: 'exited', description: 'signal SIGKILL', lastWords: '' };

describe('worker transitions', () => {
  test('start, load, serve', () => {
    expect(after({ type: 'start' }).effects).toEqual(['spawn', 'timer']);
    expect(after(...READY.slice(0, 2)).effects).toEqual(['timer', 'send-load']);
    expect(after(...READY)).toMatchObject({ status: { state: 'ready' }, effects: ['timer', 'tell-ready'] });
  });

  test('a crash while serving is told, and followed by a backoff', () => {
    const { status, all } = after(...READY, EXITED);
    expect(status).toMatchObject({ state: 'backoff', failures: 1, lastExit: 'signal SIGKILL' });
    expect(all).toEqual([
      { type: 'timer', event: 'backoff-elapsed', ms: 1000 },
      { type: 'tell-crashed', message: 'signal SIGKILL', details: 'signal SIGKILL' },
    ]);
  });

  test('after a backoff it starts again only when somebody wants it', () => {
    const wanted = after(...READY, EXITED, { type: 'backoff-elapsed', wanted: true });
    expect(wanted.status).toMatchObject({ state: 'starting', restarts: 1 });
    const unwanted = after(...READY, EXITED, { type: 'backoff-elapsed', wanted: false });
    expect(unwanted).toMatchObject({ status: { state: 'stopped', restarts: 0 } });
    expect(unwanted.effects).toContain('tell-stopped');
  });

  test('a failed load is told at once, and the backoff begins when the process has ended', () => {
    const failed = after({ type: 'start' }, PROCESS_READY, { type: 'load-failed', message: 'no' });
    expect(failed).toMatchObject({
      status: { state: 'stopping' },
      effects: ['terminate', 'timer', 'tell-load-failed'],
    });
    expect(transition(failed.status, EXITED, WORKER_TIMES)).toMatchObject({
      status: { state: 'backoff', lastExit: 'no' },
      effects: [{ type: 'timer' }],
    });
  });

  test('a load has a deadline, later for a larger model', () => {
    const [timer] = after({ type: 'start' }, PROCESS_READY).all;
    // 40 GB within an hour and a quarter: only what hangs takes longer.
    expect(timer).toEqual({ type: 'timer', event: 'load-overdue', ms: 4_300_000 });
    expect(loadDeadline(0, WORKER_TIMES)).toBe(300_000);
  });

  test('last words are for the status, and not for clients', () => {
    const { status, all } = after(...READY, { ...EXITED, lastWords: 'in /home/ann' });
    expect(status.lastExit).toBe('signal SIGKILL; in /home/ann');
    expect(all).toContainEqual({ type: 'tell-crashed', message: 'signal SIGKILL', details: status.lastExit });
  });

  test('a crash while loading is a failed load', () => {
    expect(after({ type: 'start' }, EXITED).effects).toEqual(['timer', 'tell-load-failed']);
  });

  test('a worker that misbehaves is killed and counts as crashed', () => {
    const { status, effects } = after(...READY, { type: 'misbehaved', reason: 'garbage' });
    expect([status.state, effects]).toEqual(['stopping', ['kill', 'clear-timer', 'tell-crashed']]);
    expect(after(...READY, { type: 'misbehaved', reason: 'garbage' }, EXITED).status.state).toBe('backoff');
  });

  test('a stop is no failure, and SIGKILL follows the grace', () => {
    const stop: WorkerEvent = { type: 'stop' };
    expect(after(...READY, stop).effects).toEqual(['terminate', 'timer']);
    expect(after(...READY, stop, { type: 'grace-elapsed' }).effects).toEqual(['kill']);
    expect(after(...READY, stop, EXITED)).toMatchObject({
      status: { state: 'stopped', failures: 0 },
      effects: ['clear-timer', 'tell-stopped'],
    });
  });

  test('backoff doubles from 1 to 30 seconds, and a minute of service resets it', () => {
    const waits = [1, 2, 3, 4, 5, 6, 7].map((failures) => backoff(failures, WORKER_TIMES));
    expect(waits).toEqual([1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
    expect(after(...READY, EXITED, ...READY, { type: 'steady' }).status.failures).toBe(0);
  });

  test('whatever happens: one process at a time, and every started one is accounted for', () => {
    const event = fc.oneof(
      fc.constantFrom<WorkerEvent>(
        { type: 'start' },
        PROCESS_READY,
        { type: 'loaded' },
        { type: 'stop' },
        { type: 'grace-elapsed' },
        { type: 'steady' },
        EXITED,
        { type: 'load-failed', message: 'no' },
        { type: 'misbehaved', reason: 'garbage' },
      ),
      fc.boolean().map((wanted): WorkerEvent => ({ type: 'backoff-elapsed', wanted })),
    );
    fc.assert(
      fc.property(fc.array(event, { maxLength: 60 }), (events) => {
        let status = INITIAL_STATUS;
        let isRunning = false;
        for (const each of events) {
          // An exit is only ever reported for a process that runs.
          if (each.type === 'exited' && !isRunning) continue;
          const next = transition(status, each, WORKER_TIMES);
          if (each.type === 'exited') isRunning = false;
          const spawns = next.effects.filter(({ type }) => type === 'spawn').length;
          expect(spawns).toBeLessThanOrEqual(isRunning ? 0 : 1);
          isRunning ||= spawns > 0;
          status = next.status;
          expect(isRunning).toBe(!['stopped', 'backoff'].includes(status.state));
        }
      }),
    );
  });
});
