import { CodedError } from '@mlxfleet/protocol';

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
