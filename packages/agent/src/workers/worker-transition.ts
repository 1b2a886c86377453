import type { WorkerState } from '@mlxfleet/protocol';

/**
 * Life of one worker process as a pure function. `Worker` carries out the effects.
 *
 * ```
 * stopped  --start-->            starting   spawn
 * starting --process ready-->    loading    send the load frame, timer
 * loading  --loaded-->           ready      tell the model
 * starting, loading, ready
 *          --exited-->           backoff    failure told, timer
 *          --misbehaved-->       stopping   failure told, kill;      then exited --> backoff
 *          --stop-->             stopping   terminate, grace timer;  then exited --> stopped
 * starting, loading
 *          --load failed-->      stopping   failure told, terminate; then exited --> backoff
 *          (a load that is overdue counts as failed)
 * stopping --grace elapsed-->    stopping   kill
 * backoff  --elapsed, wanted-->  starting   spawn
 * backoff  --elapsed-->          stopped
 * backoff  --start-->            starting   spawn (somebody asks for it by hand)
 * backoff  --stop-->             stopped
 * ```
 * Any other event leaves everything as it is: events of a process that is already gone arrive late.
 */

export interface WorkerStatus {
  readonly state: WorkerState;
  /** Ends in a row without a minute of service; decides how long the next start waits. */
  readonly failures: number;
  /** How often a process was started in place of one that had ended by itself. */
  readonly restarts: number;
  /** How the last process ended, when it ended by itself. */
  readonly lastExit: string | null;
  /** While stopping: whether a start follows. */
  readonly failing: boolean;
}

export const INITIAL_STATUS: WorkerStatus = {
  state: 'stopped',
  failures: 0,
  restarts: 0,
  lastExit: null,
  failing: false,
};

export type WorkerEvent =
  | { readonly type: 'start' }
  /** With the size of the model that it is to load, in bytes. */
  | { readonly type: 'process-ready'; readonly modelBytes: number }
  | { readonly type: 'loaded' }
  | { readonly type: 'load-failed'; readonly message: string }
  | { readonly type: 'misbehaved'; readonly reason: string }
  /** `lastWords` are the last lines of its log, or empty. */
  | { readonly type: 'exited'; readonly description: string; readonly lastWords: string }
  | { readonly type: 'stop' }
  | { readonly type: 'grace-elapsed' }
  | { readonly type: 'backoff-elapsed'; readonly wanted: boolean }
  | { readonly type: 'steady' };

export type WorkerEffect =
  | { readonly type: 'spawn' }
  | { readonly type: 'send-load' }
  /** End of stdin and SIGTERM. */
  | { readonly type: 'terminate' }
  /** SIGKILL. */
  | { readonly type: 'kill' }
  /** Replaces the running timer; at its end the event of the same name follows. */
  | { readonly type: 'timer'; readonly event: WorkerTimer; readonly ms: number }
  | { readonly type: 'clear-timer' }
  | { readonly type: 'tell-ready' }
  /** `details` are for those who run the host: they hold the last lines of the log, with paths and tracebacks. */
  | { readonly type: 'tell-load-failed'; readonly message: string; readonly details: string }
  | { readonly type: 'tell-crashed'; readonly message: string; readonly details: string }
  | { readonly type: 'tell-stopped' };

/** `start-overdue` is reported as misbehaviour, `load-overdue` as a failed load. */
export type WorkerTimer = 'start-overdue' | 'load-overdue' | 'grace-elapsed' | 'backoff-elapsed' | 'steady';

/** All durations in milliseconds. */
export interface WorkerTimes {
  /** From the start of the process to its first frame: an interpreter on a cold disk takes its time. */
  readonly start: number;
  /** For a load, whatever the size of the model. */
  readonly load: number;
  /** Bytes a millisecond that the slowest disk is thought to read; each model has as much more time to load. */
  readonly slowestRead: number;
  /** From SIGTERM to SIGKILL. Long, since killing a process that holds wired memory can leak it until reboot. */
  readonly grace: number;
  /** A worker that has served for so long starts again with the shortest backoff. */
  readonly steady: number;
  readonly firstBackoff: number;
  readonly longestBackoff: number;
}

export const WORKER_TIMES: WorkerTimes = {
  start: 120_000,
  load: 300_000,
  slowestRead: 10_000,
  grace: 15_000,
  steady: 60_000,
  firstBackoff: 1000,
  longestBackoff: 30_000,
};

export interface Transition {
  readonly status: WorkerStatus;
  readonly effects: readonly WorkerEffect[];
}

/** What an event does to a worker. */
export function transition(status: WorkerStatus, event: WorkerEvent, times: WorkerTimes): Transition {
  switch (event.type) {
    case 'start':
      return status.state === 'stopped' || status.state === 'backoff'
        ? spawn(status, times)
        : unchanged(status);
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
        ? {
            status: { ...status, state: 'stopping', failing: true, lastExit: event.message },
            effects: [
              { type: 'terminate' },
              { type: 'timer', event: 'grace-elapsed', ms: times.grace },
              { type: 'tell-load-failed', message: event.message, details: event.message },
            ],
          }
        : unchanged(status);
    case 'misbehaved':
      return isAlive(status)
        ? {
            status: { ...status, state: 'stopping', failing: true, lastExit: event.reason },
            effects: [
              { type: 'kill' },
              { type: 'clear-timer' },
              tellFailure(status, event.reason, event.reason),
            ],
          }
        : unchanged(status);
    case 'exited':
      return exited(status, event, times);
    case 'stop':
      return stop(status, times);
    case 'grace-elapsed':
      return status.state === 'stopping' ? { status, effects: [{ type: 'kill' }] } : unchanged(status);
    case 'backoff-elapsed':
      if (status.state !== 'backoff') return unchanged(status);
      return event.wanted ? spawn(status, times) : stopped(status);
    case 'steady':
      break;
  }
  return status.state === 'ready' ? { status: { ...status, failures: 0 }, effects: [] } : unchanged(status);
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

function tellFailure(status: WorkerStatus, message: string, details: string): WorkerEffect {
  return { type: isStarting(status) ? 'tell-load-failed' : 'tell-crashed', message, details };
}

function spawn(status: WorkerStatus, times: WorkerTimes): Transition {
  return {
    status: {
      ...status,
      state: 'starting',
      failing: false,
      restarts: status.restarts + (status.state === 'backoff' ? 1 : 0),
    },
    effects: [{ type: 'spawn' }, { type: 'timer', event: 'start-overdue', ms: times.start }],
  };
}

function stopped(status: WorkerStatus): Transition {
  return {
    status: { ...status, state: 'stopped', failing: false },
    effects: [{ type: 'clear-timer' }, { type: 'tell-stopped' }],
  };
}

function stop(status: WorkerStatus, times: WorkerTimes): Transition {
  if (status.state === 'backoff') return stopped(status);
  if (status.state === 'stopping') return { status: { ...status, failing: false }, effects: [] };
  if (!isAlive(status)) return unchanged(status);
  return {
    status: { ...status, state: 'stopping', failing: false },
    effects: [{ type: 'terminate' }, { type: 'timer', event: 'grace-elapsed', ms: times.grace }],
  };
}

function exited(
  status: WorkerStatus,
  { description, lastWords }: Extract<WorkerEvent, { type: 'exited' }>,
  times: WorkerTimes,
): Transition {
  if (status.state === 'stopping' && !status.failing) return stopped({ ...status, failures: 0 });
  if (status.state !== 'stopping' && !isAlive(status)) return unchanged(status);
  const failures = status.failures + 1;
  const details = lastWords === '' ? description : `${description}; ${lastWords}`;
  const failed: WorkerStatus = {
    ...status,
    state: 'backoff',
    failing: false,
    failures,
    lastExit: status.failing ? status.lastExit : details,
  };
  const timer: WorkerEffect = { type: 'timer', event: 'backoff-elapsed', ms: backoff(failures, times) };
  // A worker that was stopped for its failing has told of it already.
  return {
    status: failed,
    effects: status.failing ? [timer] : [timer, tellFailure(status, description, details)],
  };
}

/** Milliseconds before the next start after so many failures in a row. */
export function backoff(failures: number, times: WorkerTimes): number {
  return Math.min(times.firstBackoff * 2 ** (failures - 1), times.longestBackoff);
}

/** Milliseconds after which a load counts as hanging. */
export function loadDeadline(modelBytes: number, times: WorkerTimes): number {
  return Math.ceil(times.load + modelBytes / times.slowestRead);
}
