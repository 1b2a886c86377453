import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoff, loadDeadline, WORKER_TIMES } from './worker-times.ts';
import {
  INITIAL_STATUS,
  MOST_FAILURES,
  transition,
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

const START: WorkerEvent = { type: 'start', byHand: false };
const PROCESS_READY: WorkerEvent = { type: 'process-ready', modelBytes: 40e9 };
const READY: WorkerEvent[] = [START, PROCESS_READY, { type: 'loaded' }];
const EXITED: WorkerEvent = { type: 'exited', description: 'signal SIGKILL', lastWords: '', at: 1000 };

/** So many services that end in a crash, one right after the other. */
function crashes(count: number): WorkerEvent[] {
  return Array.from({ length: count }, () => [...READY, EXITED]).flat();
}

describe('worker transitions', () => {
  test('start, load, serve', () => {
    expect(after(START).effects).toEqual(['spawn', 'timer']);
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
    const failed = after(START, PROCESS_READY, { type: 'load-failed', message: 'no' });
    expect(failed).toMatchObject({
      status: { state: 'stopping' },
      effects: ['terminate', 'timer', 'tell-load-failed'],
    });
    expect(failed.all).toContainEqual({
      type: 'tell-load-failed',
      mayRetry: false,
      message: 'no',
      details: 'no',
    });
    expect(transition(failed.status, EXITED, WORKER_TIMES)).toMatchObject({
      status: { state: 'backoff', lastExit: 'no' },
      effects: [{ type: 'timer' }],
    });
  });

  test('a load has a deadline, later for a larger model', () => {
    const [timer] = after(START, PROCESS_READY).all;
    // 40 GB within an hour and a quarter: only what hangs takes longer.
    expect(timer).toEqual({ type: 'timer', event: 'load-overdue', ms: 4_300_000 });
    expect(loadDeadline(0, WORKER_TIMES)).toBe(300_000);
  });

  test('last words are for the status, and not for clients', () => {
    const { status, all } = after(...READY, { ...EXITED, lastWords: 'in /home/ann' });
    expect(status.lastExit).toBe('signal SIGKILL; in /home/ann');
    expect(all).toContainEqual({ type: 'tell-crashed', message: 'signal SIGKILL', details: status.lastExit });
  });

  test('a crash while loading is a failed load, which is tried once more before anybody is told', () => {
    const told = { type: 'tell-load-failed', message: 'signal SIGKILL', details: 'signal SIGKILL' };
    const [, first] = after(START, EXITED).all;
    expect(first).toEqual({ ...told, mayRetry: true });
    const [, second] = after(START, EXITED, START, PROCESS_READY, EXITED).all;
    expect(second).toEqual({ ...told, mayRetry: false });
  });

  test('a worker that misbehaves is asked to end, killed after its grace, and counts as crashed', () => {
    const misbehaved: WorkerEvent = { type: 'misbehaved', reason: 'garbage' };
    const { status, effects } = after(...READY, misbehaved);
    expect([status.state, effects]).toEqual(['stopping', ['terminate', 'timer', 'tell-crashed']]);
    expect(after(...READY, misbehaved, { type: 'grace-elapsed' }).effects).toEqual(['kill', 'timer']);
    expect(after(...READY, misbehaved, EXITED).status).toMatchObject({
      state: 'backoff',
      lastExit: 'garbage',
    });
  });

  test('a stop is no failure, and SIGKILL follows the grace', () => {
    const stop: WorkerEvent = { type: 'stop' };
    expect(after(...READY, stop).effects).toEqual(['terminate', 'timer']);
    expect(after(...READY, stop, { type: 'grace-elapsed' }).effects).toEqual(['kill', 'timer']);
    expect(after(...READY, stop, EXITED)).toMatchObject({
      status: { state: 'stopped', failures: 0 },
      effects: ['clear-timer', 'tell-stopped'],
    });
  });

  test('one that was killed and stays is told of, and what follows its end stays the same', () => {
    const stuck: WorkerEvent[] = [{ type: 'stop' }, { type: 'grace-elapsed' }, { type: 'kill-elapsed' }];
    expect(after(...READY, ...stuck)).toMatchObject({
      status: { state: 'stopping' },
      effects: ['tell-stuck'],
    });
    expect(after(...READY, ...stuck, EXITED).effects).toEqual(['clear-timer', 'tell-stopped']);
    expect(after(...READY, { type: 'kill-elapsed' }).effects).toEqual([]);
  });

  test('backoff doubles, and a minute of service resets it', () => {
    const waits = [1, 2, 3, 4].map((failures) => backoff(failures, WORKER_TIMES));
    expect(waits).toEqual([1000, 2000, 4000, 8000]);
    expect(after(...READY, EXITED, ...READY, { type: 'steady' }).status).toMatchObject({
      failures: 0,
      failedAt: null,
    });
  });

  test('the fifth failure in a row breaks it, and it rests', () => {
    const failing = crashes(MOST_FAILURES - 1);
    expect(after(...failing).status.state).toBe('backoff');
    const { status, all } = after(...failing, ...READY, EXITED);
    expect(status).toMatchObject({ state: 'broken', failures: 5 });
    expect(all).toEqual([
      { type: 'timer', event: 'cooled-down', ms: 300_000 },
      { type: 'tell-crashed', message: 'signal SIGKILL', details: 'signal SIGKILL' },
      { type: 'tell-broken', failures: 5, message: 'signal SIGKILL' },
    ]);
  });

  test('a load that is refused five times breaks it too, with the reason', () => {
    const refused: WorkerEvent[] = [START, PROCESS_READY, { type: 'load-failed', message: 'no' }, EXITED];
    const { status, all } = after(...Array.from({ length: 5 }, () => refused).flat());
    expect(status.state).toBe('broken');
    expect(all.at(-1)).toEqual({ type: 'tell-broken', failures: 5, message: 'no' });
  });

  test('failures far apart are not in a row, and a minute of service ends a row', () => {
    const apart = Array.from({ length: 9 }, (_, index) => [
      ...READY,
      { ...EXITED, at: index * 600_001 },
    ]).flat();
    expect(after(...apart).status).toMatchObject({ state: 'backoff', failures: 1 });
    const served = Array.from({ length: 9 }, (): WorkerEvent[] => [
      ...READY,
      { type: 'steady' },
      EXITED,
    ]).flat();
    expect(after(...served).status).toMatchObject({ state: 'backoff', failures: 1 });
  });

  test('a broken worker starts by hand at once, with a new account, or after its rest', () => {
    const broken = crashes(MOST_FAILURES);
    expect(after(...broken, START).effects).toEqual([]);
    expect(after(...broken, { type: 'start', byHand: true })).toMatchObject({
      status: { state: 'starting', failures: 0, restarts: 5 },
      effects: ['spawn', 'timer'],
    });
    expect(after(...broken, { type: 'cooled-down' })).toMatchObject({
      status: { state: 'stopped' },
      effects: ['clear-timer', 'tell-stopped', 'tell-cooled-down'],
    });
    expect(after(...broken, { type: 'stop' })).toMatchObject({
      status: { state: 'stopped' },
      effects: ['clear-timer', 'tell-stopped'],
    });
  });

  test('one more failure right after the rest breaks it again', () => {
    const { status } = after(...crashes(MOST_FAILURES), { type: 'cooled-down' }, ...READY, EXITED);
    expect(status).toMatchObject({ state: 'broken', failures: 6 });
  });

  test('whatever happens: one process at a time, and every started one is accounted for', () => {
    const event = fc.oneof(
      fc.constantFrom<WorkerEvent>(
        START,
        { type: 'start', byHand: true },
        PROCESS_READY,
        { type: 'loaded' },
        { type: 'stop' },
        { type: 'grace-elapsed' },
        { type: 'steady' },
        { type: 'cooled-down' },
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
          expect(isRunning).toBe(!['stopped', 'backoff', 'broken'].includes(status.state));
        }
      }),
    );
  });
});
