import { CodedError } from '@mlxfleet/protocol';

/** What the command line's exit code says; docs/cli.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  lockHeld: 3,
  unreachable: 4,
  interrupted: 130,
} as const;

const USAGE_CODES = new Set([
  'WRONG_USAGE',
  'INVENTORY_NOT_FOUND',
  'INVENTORY_UNREADABLE',
  'INVENTORY_INVALID',
  'INVENTORY_EXISTS',
  'HOST_UNKNOWN',
  'SECRET_UNAVAILABLE',
]);

const LOCK_CODES = new Set(['LOCK_HELD']);

/** The host was not reached at all, as against reached and refused. */
const UNREACHABLE_CODES = new Set(['HOST_UNREACHABLE']);

export function isUnreachable(code: string): boolean {
  return UNREACHABLE_CODES.has(code);
}

/** Exit code of a command that ended with this error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && error.name === 'AbortError') return EXIT.interrupted;
  if (!(error instanceof CodedError)) return EXIT.failed;
  if (USAGE_CODES.has(error.code)) return EXIT.usage;
  if (LOCK_CODES.has(error.code)) return EXIT.lockHeld;
  return isUnreachable(error.code) ? EXIT.unreachable : EXIT.failed;
}

/**
 * Exit code of a command over several hosts, from each host's error code or null: 4 when none was reached, 3 when
 * locks are all that failed, else 1 when any failed.
 */
export function combinedExitCode(errorCodes: readonly (string | null)[]): number {
  const failures = errorCodes.filter((code) => code !== null);
  if (failures.length === 0) return EXIT.done;
  if (failures.length === errorCodes.length && failures.every(isUnreachable)) return EXIT.unreachable;
  return failures.every((code) => LOCK_CODES.has(code)) ? EXIT.lockHeld : EXIT.failed;
}
