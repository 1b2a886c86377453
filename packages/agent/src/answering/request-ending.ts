import type { FastifyReply } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { untilAborted } from '../until-aborted.ts';
import { ClientGone } from './client-gone.ts';

export interface RequestEnding {
  /** Aborted at most once, with what ended the request early: ClientGone or an ApiError. */
  readonly signal: AbortSignal;
  /** Calls back at most once, with the same. */
  onEnd(listener: (reason: unknown) => void): void;
  /** The promise, or a rejection as soon as the client is gone or the time is up. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Stops watching. */
  release(): void;
}

/** Watches for what ends a request early: its client goes away, or its time is up. */
export function watchEnding(reply: FastifyReply, timeoutSeconds: number): RequestEnding {
  const controller = new AbortController();
  const { signal } = controller;
  const onClose = (): void => {
    if (!reply.raw.writableFinished) controller.abort(new ClientGone());
  };
  reply.raw.once('close', onClose);
  const timer = setTimeout(() => {
    const message = `The request ran longer than ${String(timeoutSeconds)} s.`;
    controller.abort(new ApiError(API_ERRORS.REQUEST_TIMEOUT, message));
  }, timeoutSeconds * 1000);
  const onEnd = (listener: (reason: unknown) => void): void => {
    signal.addEventListener('abort', () => {
      listener(signal.reason);
    });
  };
  return {
    signal,
    onEnd,
    race: async (promise) => await untilAborted(promise, signal),
    release: () => {
      clearTimeout(timer);
      reply.raw.removeListener('close', onClose);
    },
  };
}
