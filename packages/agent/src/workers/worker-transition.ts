import type { WorkerState } from '@mlxfleet/protocol';
import { backoff, loadDeadline, type WorkerTimes } from './worker-times.ts';

/**
 * Life of one worker process as a pure function. `Worker` carries out the effects.
 *
 * ```
 * stopped  --start-->            starting   spawn
 * starting --process ready-->    loading    send the load frame, timer
 * loading  --loaded-->           ready      tell the model
 * starting, loading, ready
 *          --exited-->           backoff    failure told, timer
 *          --misbehaved-->       stopping   failure told, terminate, grace timer; then exited --> backoff
 *          --stop-->             stopping   terminate, grace timer;               then exited --> stopped
 * starting, loading
 *          --load failed-->      stopping   failure told, terminate, grace timer; then exited --> backoff
 *          (a load that is overdue counts as failed)
 * stopping --grace elapsed-->    stopping   kill, timer
 * stopping --kill elapsed-->     stopping   told: the system does not let it end
 * backoff  --elapsed, wanted-->  starting   spawn
 * backoff  --elapsed-->          stopped
 * backoff  --start-->            starting   spawn
 * backoff  --stop-->             stopped
 * ```
 * In place of `backoff` an exit that is the fifth failure in a row leads to `broken`, which rests:
 * ```
 * broken   --cooled down-->      stopped    told, so that the model starts it again when it is wanted
 * broken   --start by hand-->    starting   spawn, failures forgotten
 * broken   --stop-->             stopped
 * ```
 * Any other event leaves everything as it is: events of a process that is already gone arrive late.
 */

export interface WorkerStatus {
  readonly state: WorkerState;
  /** Ends in a row without a minute of service; decides how long the next start waits, and when no further one follows. */
  readonly failures: number;
  /** When the last of them was; null before the first. */
  readonly failedAt: number | null;
  /** How often a process was started in place of one that had ended by itself. */
  readonly restarts: number;
  /** How the last process ended, when it ended by itself, with the last lines of its log. */
  readonly lastExit: string | null;
  /** While stopping: whether a start follows. */
  readonly failing: boolean;
}

export const INITIAL_STATUS: WorkerStatus = {
  state: 'stopped',
  failures: 0,
  failedAt: null,
  restarts: 0,
  lastExit: null,
  failing: false,
};

export type WorkerEvent =
  /** `byHand` when a person asks for it, who may have mended what broke it. */
  | { readonly type: 'start'; readonly byHand: boolean }
  /** With the size of the model that it is to load, in bytes. */
  | { readonly type: 'process-ready'; readonly modelBytes: number }
  | { readonly type: 'loaded' }
  | { readonly type: 'load-failed'; readonly message: string }
  | { readonly type: 'misbehaved'; readonly reason: string }
  /** `lastWords` are the last lines of its log, or empty; `at` is a time in milliseconds of any steady clock. */
  | { readonly type: 'exited'; readonly description: string; readonly lastWords: string; readonly at: number }
  | { readonly type: 'stop' }
  | { readonly type: 'grace-elapsed' }
  | { readonly type: 'kill-elapsed' }
  | { readonly type: 'backoff-elapsed'; readonly wanted: boolean }
  | { readonly type: 'cooled-down' }
  | { readonly type: 'steady' };

export type WorkerEffect =
  | { readonly type: 'spawn' }
  | { readonly type: 'send-load' }
  /** End of stdin and SIGTERM, with SIGCONT for a process that was stopped. */
  | { readonly type: 'terminate' }
  /** SIGKILL. */
  | { readonly type: 'kill' }
  /** Replaces the running timer; at its end the event of the same name follows. */
  | { readonly type: 'timer'; readonly event: WorkerTimer; readonly ms: number }
  | { readonly type: 'clear-timer' }
  | { readonly type: 'tell-ready' }
  /** `mayRetry` when another try follows that may do better: what waits for the model may wait for it. */
  | ({ readonly type: 'tell-load-failed'; readonly mayRetry: boolean } & Failure)
  | ({ readonly type: 'tell-crashed' } & Failure)
  /** It rests after this, and the last, failure. */
  | { readonly type: 'tell-broken'; readonly failures: number; readonly message: string }
  | { readonly type: 'tell-stopped' }
  /** It was killed and is still there: in a call of the system that does not return. */
  | { readonly type: 'tell-stuck' }
  /** After `tell-stopped`: whoever wants it may have it started again. */
  | { readonly type: 'tell-cooled-down' };

interface Failure {
  readonly message: string;
  /** For those who run the host: they hold the last lines of the log, with paths and tracebacks. */
  readonly details: string;
}

/** `start-overdue` is reported as misbehaviour, `load-overdue` as a failed load. */
export type WorkerTimer =
  | 'start-overdue'
  | 'load-overdue'
  | 'grace-elapsed'
  | 'kill-elapsed'
  | 'backoff-elapsed'
  | 'cooled-down'
  | 'steady';

/** Failures in a row after which a worker is broken: with the backoff, 15 s and five loads of trying. */
export const MOST_FAILURES = 5;

export interface Transition {
  readonly status: WorkerStatus;
  readonly effects: readonly WorkerEffect[];
}

/** What an event does to a worker. */
export function transition(status: WorkerStatus, event: WorkerEvent, times: WorkerTimes): Transition {
  switch (event.type) {
    case 'start':
      return start(status, event.byHand, times);
    case 'process-ready':
      return status.state === 'starting'
        ? {
            status: { ...status, state: 'loading' },
            effects: [
              { type: 'timer', event: 'load-overdue', ms: loadDeadline(event.modelBytes, times) },
              { type: 'send-load' },
            ],
          }
        : unchanged(status);
    case 'loaded':
      return status.state === 'loading'
        ? {
            status: { ...status, state: 'ready' },
            effects: [{ type: 'timer', event: 'steady', ms: times.steady }, { type: 'tell-ready' }],
          }
        : unchanged(status);
    case 'load-failed':
      return isStarting(status)
        ? replaced(status, event.message, refused(event.message), times)
        : unchanged(status);
    case 'misbehaved':
      return isAlive(status)
        ? replaced(status, event.reason, tellFailure(status, event.reason), times)
        : unchanged(status);
    case 'exited':
      return exited(status, event, times);
    case 'stop':
      return stop(status, times);
    case 'grace-elapsed':
      return status.state === 'stopping'
        ? {
            status,
            effects: [{ type: 'kill' }, { type: 'timer', event: 'kill-elapsed', ms: times.kill }],
          }
        : unchanged(status);
    case 'kill-elapsed':
      return status.state === 'stopping' ? { status, effects: [{ type: 'tell-stuck' }] } : unchanged(status);
    case 'backoff-elapsed':
      if (status.state !== 'backoff') return unchanged(status);
      return event.wanted ? spawn(status, times) : stopped(status);
    case 'cooled-down': {
      if (status.state !== 'broken') return unchanged(status);
      const { status: next, effects } = stopped(status);
      return { status: next, effects: [...effects, { type: 'tell-cooled-down' }] };
    }
    case 'steady':
      break;
  }
  return status.state === 'ready'
    ? { status: { ...status, failures: 0, failedAt: null }, effects: [] }
    : unchanged(status);
}

function unchanged(status: WorkerStatus): Transition {
  return { status, effects: [] };
}

function isStarting({ state }: WorkerStatus): boolean {
  return state === 'starting' || state === 'loading';
}

function isAlive(status: WorkerStatus): boolean {
  return isStarting(status) || status.state === 'ready';
}

/** A worker that refuses a model will do so again. */
function refused(message: string): WorkerEffect {
  return { type: 'tell-load-failed', mayRetry: false, message, details: message };
}

/** A worker that died or froze while it loaded may do better at the second try. */
function tellFailure(status: WorkerStatus, message: string, details = message): WorkerEffect {
  return isStarting(status)
    ? { type: 'tell-load-failed', mayRetry: status.failures === 0, message, details }
    : { type: 'tell-crashed', message, details };
}

function start(status: WorkerStatus, byHand: boolean, times: WorkerTimes): Transition {
  if (status.state === 'stopped' || status.state === 'backoff') return spawn(status, times);
  if (status.state !== 'broken' || !byHand) return unchanged(status);
  return spawn({ ...status, failures: 0, failedAt: null }, times);
}

function spawn(status: WorkerStatus, times: WorkerTimes): Transition {
  const isRestart = status.state === 'backoff' || status.state === 'broken';
  return {
    status: {
      ...status,
      state: 'starting',
      failing: false,
      restarts: status.restarts + (isRestart ? 1 : 0),
    },
    effects: [{ type: 'spawn' }, { type: 'timer', event: 'start-overdue', ms: times.start }],
  };
}

/** The failure is told before the process has ended, and the next one starts after it has. */
function replaced(status: WorkerStatus, reason: string, told: WorkerEffect, times: WorkerTimes): Transition {
  return {
    status: { ...status, state: 'stopping', failing: true, lastExit: reason },
    effects: [{ type: 'terminate' }, { type: 'timer', event: 'grace-elapsed', ms: times.grace }, told],
  };
}

function stopped(status: WorkerStatus): Transition {
  return {
    status: { ...status, state: 'stopped', failing: false },
    effects: [{ type: 'clear-timer' }, { type: 'tell-stopped' }],
  };
}

function stop(status: WorkerStatus, times: WorkerTimes): Transition {
  if (status.state === 'backoff' || status.state === 'broken') return stopped(status);
  if (status.state === 'stopping') return { status: { ...status, failing: false }, effects: [] };
  if (!isAlive(status)) return unchanged(status);
  return {
    status: { ...status, state: 'stopping', failing: false },
    effects: [{ type: 'terminate' }, { type: 'timer', event: 'grace-elapsed', ms: times.grace }],
  };
}

function exited(
  status: WorkerStatus,
  { description, lastWords, at }: Extract<WorkerEvent, { type: 'exited' }>,
  times: WorkerTimes,
): Transition {
  if (status.state === 'stopping' && !status.failing) {
    return stopped({ ...status, failures: 0, failedAt: null });
  }
  if (status.state !== 'stopping' && !isAlive(status)) return unchanged(status);
  const details = lastWords === '' ? description : `${description}; ${lastWords}`;
  const failed: WorkerStatus = {
    ...status,
    failing: false,
    failures:
      status.failedAt !== null && at - status.failedAt <= times.failureMemory ? status.failures + 1 : 1,
    failedAt: at,
    lastExit: status.failing ? status.lastExit : details,
  };
  // A worker that was stopped for its failing has told of it already.
  const told = status.failing ? [] : [tellFailure(status, description, details)];
  return rest(failed, status.failing ? (status.lastExit ?? description) : description, told, times);
}

/** What follows a failure: the next try after a while, or none for long. */
function rest(
  status: WorkerStatus,
  message: string,
  told: readonly WorkerEffect[],
  times: WorkerTimes,
): Transition {
  const { failures } = status;
  if (failures >= MOST_FAILURES) {
    return {
      status: { ...status, state: 'broken' },
      effects: [
        { type: 'timer', event: 'cooled-down', ms: times.coolDown },
        ...told,
        { type: 'tell-broken', failures, message },
      ],
    };
  }
  return {
    status: { ...status, state: 'backoff' },
    effects: [{ type: 'timer', event: 'backoff-elapsed', ms: backoff(failures, times) }, ...told],
  };
}
