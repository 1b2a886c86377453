import { CodedError } from '@mlxfleet/protocol';
import { ERRORS } from '../errors.ts';

/** Wording of the system's reasons for which there is no connection. */
const REASONS: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused: nothing listens there, or a firewall says no',
  EHOSTUNREACH: 'no route to the host: asleep, or on another network?',
  ENETUNREACH: 'no route to its network',
  EHOSTDOWN: 'the host is down or asleep',
  ETIMEDOUT: 'timed out',
  ENOTFOUND: 'its name is not found',
  EAI_AGAIN: 'its name cannot be looked up now',
  ECONNRESET: 'the other side reset it',
  EPIPE: 'the other side closed it',
};

/** The system's code of a failed connection; of several addresses that were tried, that of the last. */
function failureCode(error: unknown): string | null {
  if (error instanceof AggregateError && error.errors.length > 0) return failureCode(error.errors.at(-1));
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : null;
}

/** Why there is no connection, for people. */
export function failureReason(error: unknown): string {
  const known = REASONS[failureCode(error) ?? ''];
  if (known !== undefined) return known;
  const message = error instanceof Error && error.message !== '' ? error.message : String(error);
  return message === 'Keepalive timeout' ? 'it does not answer any more' : message;
}

/** HOST_UNREACHABLE with its reason. */
export function unreachable(host: string, place: string, cause: unknown): CodedError {
  return new CodedError(ERRORS.HOST_UNREACHABLE, `${host}: ${place}: ${failureReason(cause)}`, { cause });
}
