import { ApiError } from '../../api-error.ts';
import { API_ERRORS, type ApiErrorDefinition } from '../../errors.ts';

/**
 * Why a URL gave no file. refused: its form or its host is not allowed, and nothing was sent there. failed: the server
 * or its answer is not right. large: the file has more bytes than are taken. slow: the time was up.
 */
export type FailureKind = 'refused' | 'failed' | 'large' | 'slow';

/** The message is the end of a sentence about the URL, and says nothing that the client does not know or may not learn. */
export class FetchFailure extends Error {
  override readonly name = 'FetchFailure';
  readonly kind: FailureKind;

  constructor(kind: FailureKind, message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.kind = kind;
  }
}

/**
 * The one refusal for private addresses, for names that lead to them, and for names that do not resolve: could a client
 * tell these apart, it could ask which names the internal network has.
 */
export function notPublic(cause?: unknown): FetchFailure {
  return new FetchFailure('refused', 'its host cannot be found, or has an address that is not public', cause);
}

const DEFINITIONS: Readonly<Record<FailureKind, ApiErrorDefinition>> = {
  refused: API_ERRORS.MEDIA_URL_REFUSED,
  failed: API_ERRORS.MEDIA_URL_FAILED,
  large: API_ERRORS.MEDIA_TOO_LARGE,
  slow: API_ERRORS.MEDIA_URL_TIMEOUT,
};

/** The longest name that DNS has is 253 characters long; what is longer was never a host. */
const LONGEST_NAMED_ORIGIN = 270;

/**
 * What the client is told. Of the URL only the origin: path and query may hold secrets, and messages are logged.
 *
 * @param url the one that the client named, also when a redirect led elsewhere.
 */
export function mediaUrlError(url: URL, failure: FetchFailure, redirected: boolean): ApiError {
  const subject = url.host === '' ? 'The URL' : `The URL ${url.origin.slice(0, LONGEST_NAMED_ORIGIN)}`;
  const place = redirected ? ' (after a redirect)' : '';
  return new ApiError(DEFINITIONS[failure.kind], `${subject} was not fetched${place}: ${failure.message}.`, {
    cause: failure,
  });
}
