import type { WorkerReply } from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { publicReason } from './public-reason.ts';

type FailedFrame = Extract<WorkerReply, { type: 'failed' }>;

/** A worker's refusal of one request, as its client sees it. */
export function requestError({ kind, message, param }: FailedFrame): ApiError {
  const definition = {
    invalid: API_ERRORS.INVALID_VALUE,
    context_length: API_ERRORS.CONTEXT_LENGTH_EXCEEDED,
    memory: API_ERRORS.MEMORY_EXHAUSTED,
    internal: API_ERRORS.INTERNAL_ERROR,
  }[kind];
  // What fails inside the worker is told in the words of a library.
  return new ApiError(definition, kind === 'internal' ? publicReason(message) : message, { param });
}

/** Any failure as an error of the API. */
export function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(API_ERRORS.INTERNAL_ERROR, 'The agent failed.', { cause: error });
}
