import { FetchFailure } from './fetch-failure.ts';

/** Milliseconds. */
export interface FetchTimes {
  /** For all of it, redirects included: a server that sends a byte now and then is never idle. */
  readonly totalMs: number;
  /** In which the server of an open connection has to send anything at all. */
  readonly idleMs: number;
  /** For a connection to one address. */
  readonly connectMs: number;
}

/** Of this project's making: a picture of 10 MB comes in the time at 4 Mbit/s, and the client of the request waits. */
export const FETCH_TIMES: FetchTimes = { totalMs: 20_000, idleMs: 5_000, connectMs: 4_000 };

/** What ends a fetch before its time: the one who asked, the whole time, or a silent server. */
export interface FetchWatch {
  /** Aborted with the reason of the one who asked, or with a FetchFailure. */
  readonly signal: AbortSignal;
  /** To be called when a server was silent for `idleMs`. */
  readonly idle: () => void;
  readonly end: () => void;
}

export function startWatch({ totalMs, idleMs }: FetchTimes, asked: AbortSignal): FetchWatch {
  const controller = new AbortController();
  const slow = (message: string) => controller.abort(new FetchFailure('slow', message));
  const timer = setTimeout(() => slow(`it took longer than ${seconds(totalMs)}`), totalMs);
  const follow = () => controller.abort(asked.reason);
  if (asked.aborted) follow();
  asked.addEventListener('abort', follow, { once: true });
  return {
    signal: controller.signal,
    idle: () => slow(`its server sent nothing for ${seconds(idleMs)}`),
    end: () => {
      clearTimeout(timer);
      asked.removeEventListener('abort', follow);
    },
  };
}

function seconds(milliseconds: number): string {
  return `${String(milliseconds / 1000)} seconds`;
}
