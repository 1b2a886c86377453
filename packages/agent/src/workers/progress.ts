/**
 * Whether a worker is alive and gets on with its work, as pure functions: `WorkerWatch` feeds them what it sees.
 *
 * Three clocks run. `silentMs` counts since the worker's last word: its reading thread answers pings whatever the engine
 * does, so silence means a stopped process or a deadlock. `stalledMs` counts since the last finished piece of work, while
 * there is work: it finds an engine that hangs behind a reading thread that still answers. `preparingMs` is the
 * worker's own: the time that templates, tokenizers or grammars have taken for one request. Their threads are beside the
 * engine's, whose streams go on when one of them hangs, while no new request comes to it.
 */
export interface Progress {
  readonly silentMs: number;
  readonly stalledMs: number;
  readonly preparingMs: number;
  /** The longest that a piece of work has taken so far; null before the first. */
  readonly longestStepMs: number | null;
  /** The worker's own count of finished pieces of work. */
  readonly steps: number;
}

/** Of a worker that has just been started. */
export const NO_PROGRESS: Progress = {
  silentMs: 0,
  stalledMs: 0,
  preparingMs: 0,
  longestStepMs: null,
  steps: 0,
};

/** All durations in milliseconds. */
export interface WatchTimes {
  /** Between pings while there is work or the worker is silent. */
  readonly ping: number;
  /** Between pings of an idle worker: each wakes two processes, which a laptop on battery should not pay for. */
  readonly idlePing: number;
  /** Silent for so long, a worker counts as unhealthy. */
  readonly unhealthy: number;
  /**
   * Silent for so long, it is replaced. With the grace that a stop gives it, a frozen worker is gone within a minute. The
   * reading thread needs nothing but the interpreter, which no library call holds for more than a few seconds.
   */
  readonly silent: number;
  /**
   * What one step may take before any was seen, and the most it may take ever: a chunk of prefill of a large model on a
   * slow host, with kernels that are compiled at their first use. Also the most that the preparation of
   * one request may take: templates and the trials of grammars have shorter limits of their own.
   */
  readonly longestStep: number;
  /** What one step may always take, however quick the others were: a new kind of request compiles new kernels. */
  readonly shortestStep: number;
}

export const WATCH_TIMES: WatchTimes = {
  ping: 1000,
  idlePing: 5000,
  unhealthy: 15_000,
  silent: 45_000,
  longestStep: 180_000,
  shortestStep: 60_000,
};

/**
 * How often the longest step so far fits into the budget. The worker bounds a step to about a second at its measured speed,
 * so a step that takes twenty times as long as any before is no step any more.
 */
const BUDGET_PER_STEP = 20;

export type Observation =
  /** A frame of any kind arrived. */
  | { readonly type: 'heard' }
  /** A frame arrived that shows finished work. */
  | { readonly type: 'worked' }
  | { readonly type: 'pong'; readonly steps: number; readonly preparingMs: number }
  /** Time has passed; `busy` tells whether the worker has had work all along. */
  | { readonly type: 'elapsed'; readonly ms: number; readonly busy: boolean };

/** What an observation does to the clocks. */
export function observe(progress: Progress, observation: Observation): Progress {
  switch (observation.type) {
    case 'heard':
      return { ...progress, silentMs: 0 };
    case 'worked':
      return { ...stepped(progress, progress.steps), silentMs: 0 };
    case 'pong':
      return {
        ...(observation.steps === progress.steps ? progress : stepped(progress, observation.steps)),
        silentMs: 0,
        preparingMs: observation.preparingMs,
      };
    case 'elapsed':
      break;
  }
  const { ms, busy } = observation;
  return {
    ...progress,
    silentMs: progress.silentMs + ms,
    stalledMs: busy ? progress.stalledMs + ms : 0,
  };
}

/** Milliseconds that a step may take after the longest so far. */
export function stepBudget(longestStepMs: number | null, times: WatchTimes): number {
  if (longestStepMs === null) return times.longestStep;
  return Math.min(Math.max(times.shortestStep, BUDGET_PER_STEP * longestStepMs), times.longestStep);
}

/** Why the worker has to be replaced, in words for clients; null while it may go on. */
export function complaint(progress: Progress, times: WatchTimes): string | null {
  if (progress.silentMs >= times.silent) return `it has not answered for ${seconds(times.silent)} s`;
  if (progress.preparingMs >= times.longestStep) {
    return `it has been preparing one request for ${seconds(times.longestStep)} s`;
  }
  const budget = stepBudget(progress.longestStepMs, times);
  return progress.stalledMs >= budget ? `it made no progress for ${seconds(budget)} s` : null;
}

function stepped(progress: Progress, steps: number): Progress {
  return {
    ...progress,
    stalledMs: 0,
    longestStepMs: Math.max(progress.longestStepMs ?? 0, progress.stalledMs),
    steps,
  };
}

function seconds(ms: number): string {
  return String(Math.round(ms / 100) / 10);
}
