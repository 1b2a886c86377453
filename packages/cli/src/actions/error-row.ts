import { CodedError } from '@mlxfleet/protocol';
import { errorKind, type ErrorKind } from '../errors.ts';

/** How an error stands in a `--json` document. */
export interface ErrorRow {
  readonly code: string;
  readonly message: string;
  readonly hint: string | null;
}

/**
 * An expected error as a document shows it, without the host's name that its row tells already.
 * Any other error is a fault of mlxfleet and is thrown on.
 */
export function errorRow(error: unknown, host: string): ErrorRow {
  if (!(error instanceof CodedError)) throw error;
  const prefix = `${host}: `;
  const message = error.message.startsWith(prefix) ? error.message.slice(prefix.length) : error.message;
  // The catalog's hints speak of HOST; here it is known which one.
  const hint = error.hint.replaceAll(/\bHOST\b/g, host);
  return { code: error.code, message, hint: hint === '' ? null : hint };
}

const UNREACHABLE: ReadonlySet<ErrorKind> = new Set(['unreachable', 'host-key', 'login']);

/** Whether an error of this code means that nothing was begun on the host. */
export function isUnreachableCode(code: string): boolean {
  return UNREACHABLE.has(errorKind(code));
}

export function isUnreachable(error: unknown): boolean {
  return error instanceof CodedError && isUnreachableCode(error.code);
}
