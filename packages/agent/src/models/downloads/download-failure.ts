import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';

/**
 * What kept a model from being fetched. unknown: the hub does not have it, or does not give it. unreachable: no hub
 * answers, or none may be asked. disk: there is no room. cancelled: nobody waited for it any more.
 */
const REASONS = ['unknown', 'unreachable', 'disk', 'cancelled', 'failed'] as const;
export type FailureReason = (typeof REASONS)[number];

/** Seconds after which a hub may answer again: a failed look-up is remembered for so long. */
const HUB_RETRY_SECONDS = 10;

/** A download that did not come to its end. The message is a part of a sentence, without host paths. */
export class DownloadFailure extends Error {
  override readonly name = 'DownloadFailure';
  readonly reason: FailureReason;

  constructor(reason: FailureReason, message: string) {
    super(message);
    this.reason = reason;
  }
}

export function isFailureReason(value: unknown): value is FailureReason {
  return REASONS.some((reason) => reason === value);
}

/** For a request that names a model: whatever went wrong, this host does not have it. */
export function notDownloaded(id: string, failure: DownloadFailure): ApiError {
  return new ApiError(
    API_ERRORS.MODEL_NOT_FOUND,
    `The model '${id}' is not on this host, and ${failure.message}.`,
    { param: 'model', cause: failure },
  );
}

/** For somebody who asked for the download itself. */
export function downloadFailed(id: string, failure: DownloadFailure): ApiError {
  const message = `The model '${id}' was not downloaded: ${failure.message}.`;
  switch (failure.reason) {
    case 'unknown':
      return new ApiError(API_ERRORS.MODEL_NOT_FOUND, message, { param: 'model', cause: failure });
    case 'unreachable':
      return new ApiError(API_ERRORS.HUB_UNREACHABLE, message, {
        retryAfter: HUB_RETRY_SECONDS,
        cause: failure,
      });
    case 'disk':
      return new ApiError(API_ERRORS.INSUFFICIENT_STORAGE, message, { cause: failure });
    case 'cancelled':
    case 'failed':
      break;
  }
  return new ApiError(API_ERRORS.DOWNLOAD_FAILED, message, { cause: failure });
}
