import { WATCH_TIMES, type WatchTimes } from './progress.ts';

/** All durations in milliseconds. */
export interface WorkerTimes extends WatchTimes {
  /** From the start of the process to its first frame: an interpreter on a cold disk takes its time. */
  readonly start: number;
  /** For a load, whatever the size of the model. */
  readonly load: number;
  /** Bytes a millisecond that the slowest disk is thought to read; each model has as much more time to load. */
  readonly slowestRead: number;
  /** From SIGTERM to SIGKILL. Long, since killing a process that holds wired memory can leak it until reboot. */
  readonly grace: number;
  /** From SIGKILL until a worker that is still there counts as stuck in the system. */
  readonly kill: number;
  /** After so long a service the failures before it are forgotten. */
  readonly steady: number;
  /** Between the first failure in a row and the next start; each further failure doubles it. */
  readonly firstBackoff: number;
  /** A failure that comes longer after the last one is not in a row with it. */
  readonly failureMemory: number;
  /** How long a broken worker rests. */
  readonly coolDown: number;
}

export const WORKER_TIMES: WorkerTimes = {
  ...WATCH_TIMES,
  start: 120_000,
  load: 300_000,
  slowestRead: 10_000,
  grace: 15_000,
  kill: 10_000,
  steady: 60_000,
  firstBackoff: 1000,
  failureMemory: 600_000,
  coolDown: 300_000,
};

/** Milliseconds before the next start after so many failures in a row. */
export function backoff(failures: number, times: WorkerTimes): number {
  return times.firstBackoff * 2 ** (failures - 1);
}

/** Milliseconds after which a load counts as hanging. */
export function loadDeadline(modelBytes: number, times: WorkerTimes): number {
  return Math.ceil(times.load + modelBytes / times.slowestRead);
}
