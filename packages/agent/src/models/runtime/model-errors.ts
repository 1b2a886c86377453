import os from 'node:os';
import type { WorkerReply } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { ModelLocation } from '../catalog/catalog.ts';
import { publicReason } from './public-reason.ts';

/** Seconds after which other requests of the batch may have ended and left their memory. */
const MEMORY_RETRY_SECONDS = 5;

/** A worker's refusal of one request, as its client sees it. */
export function requestError({
  kind,
  message,
  param,
  quote,
}: Extract<WorkerReply, { type: 'failed' }>): ApiError {
  switch (kind) {
    case 'invalid':
      return new ApiError(API_ERRORS.INVALID_VALUE, message, {
        param,
        ...(quote === undefined ? {} : { quote }),
      });
    case 'context_length':
      return new ApiError(API_ERRORS.CONTEXT_LENGTH_EXCEEDED, message, { param });
    case 'media':
      return new ApiError(API_ERRORS.INVALID_MEDIA, placed(publicReason(message), param), { param });
    case 'media_too_large':
      return new ApiError(API_ERRORS.MEDIA_TOO_LARGE, placed(publicReason(message), param), { param });
    case 'memory':
      return new ApiError(API_ERRORS.MEMORY_EXHAUSTED, message, { param, retryAfter: MEMORY_RETRY_SECONDS });
    case 'internal':
      break;
  }
  // What fails inside the worker is told in the words of a library.
  return new ApiError(API_ERRORS.INTERNAL_ERROR, publicReason(message), { param });
}

export function queueFull(model: string, running: number, waiting: number, retryAfter: number): ApiError {
  return new ApiError(
    API_ERRORS.QUEUE_FULL,
    `The queue of model '${model}' is full: ${String(running)} requests run and ${String(waiting)} wait.`,
    { retryAfter },
  );
}

/** `details` say all of it, for those who run the host. */
export function loadFailed(location: ModelLocation, message: string, details: string): ApiError {
  const sentence = `The model '${location.id}' could not be loaded: `;
  return new ApiError(API_ERRORS.MODEL_LOAD_FAILED, sentence + publicReasonOf(location, message), {
    details: sentence + details,
  });
}

/** For a request that a worker, or several one after the other, died with. */
export function workerCrashed(model: string, reason: string, crashes: number): ApiError {
  const times = crashes > 1 ? `died ${String(crashes)} times` : 'died';
  return new ApiError(
    API_ERRORS.WORKER_CRASHED,
    `The worker of model '${model}' ${times} while it held this request (${reason}).`,
    { retryAfter: 1 },
  );
}

/** What is told of a worker that rests after too many failures; `message` is of the last one. */
export interface WorkerRest {
  readonly failures: number;
  readonly message: string;
  /** Of the worker's log; empty when it has none. */
  readonly lastLine: string;
  /** Until it is tried again. */
  readonly seconds: number;
}

export function workerBroken(location: ModelLocation, rest: WorkerRest): ApiError {
  const { failures, message, lastLine } = rest;
  const sentence = `The worker of model '${location.id}' failed ${String(failures)} times in a row and rests: `;
  const reason = publicReasonOf(location, message);
  const line = publicReasonOf(location, lastLine);
  // A failed load is told in the words that the log ends with.
  const words = line === '' || reason.includes(line) ? '' : `; its log ends with: ${line}`;
  const details = lastLine === '' || message.includes(lastLine) ? message : `${message}; ${lastLine}`;
  return new ApiError(API_ERRORS.WORKER_BROKEN, `${sentence}${reason}${words}`, {
    details: sentence + details,
    retryAfter: rest.seconds,
  });
}

/** For a worker that was killed and is still there. */
export function workerStuck(model: string): ApiError {
  return new ApiError(
    API_ERRORS.WORKER_STUCK,
    `The worker of model '${model}' was killed, and the system does not let it end.`,
  );
}

export function modelUnloaded(model: string): ApiError {
  return new ApiError(API_ERRORS.MODEL_UNLOADED, `The model '${model}' was unloaded.`);
}

/** The same failure for somebody who comes after it, with the seconds after which it may be over. */
export function repeated(error: ApiError, retryAfter: number): ApiError {
  return new ApiError(error.definition, error.message, { retryAfter: Math.max(1, retryAfter) });
}

/** Any failure as an error of the API. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(API_ERRORS.INTERNAL_ERROR, 'The agent failed.', { cause: error });
}

/** Says of which file of a request it is: Anthropic's errors have no `param`, and many clients show the message alone. */
function placed(sentence: string, param: string | null): string {
  return param === null ? sentence : `'${param}': ${sentence.charAt(0).toLowerCase()}${sentence.slice(1)}`;
}

function publicReasonOf({ path, adapterPath }: ModelLocation, text: string): string {
  return publicReason(text, [path, ...(adapterPath === null ? [] : [adapterPath]), os.homedir()]);
}
