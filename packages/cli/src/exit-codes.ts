import { CodedError } from '@mlxfleet/protocol';
import { isUnreachable } from './errors.ts';
import { errorKind } from './errors.ts';

/** What the command line's exit code says; docs/cli.md lists them. */
export const EXIT = {
  done: 0,
  failed: 1,
  usage: 2,
  lockHeld: 3,
  unreachable: 4,
  interrupted: 130,
} as const;

/** Exit code of a command that ended with this error. */
export function exitCodeOf(error: unknown): number {
  if (error instanceof Error && error.name === 'AbortError') return EXIT.interrupted;
  if (!(error instanceof CodedError)) return EXIT.failed;
  const kind = errorKind(error.code);
  if (kind === 'usage') return EXIT.usage;
  if (kind === 'lock') return EXIT.lockHeld;
  return isUnreachable(error) ? EXIT.unreachable : EXIT.failed;
}

/** How a command ended on one host, as far as the exit code goes. */
export interface HostEnd {
  readonly failed: boolean;
  readonly unreachable: boolean;
  /** Of the error that it failed with. */
  readonly code: string | null;
}

/**
 * Exit code of a command over several hosts: 4 when none was reached, 3 when locks are all that failed, else 1 when any
 * failed.
 */
export function combinedExitCode(ends: readonly HostEnd[]): number {
  const failures = ends.filter(({ failed }) => failed);
  if (failures.length === 0) return EXIT.done;
  if (ends.every(({ unreachable }) => unreachable)) return EXIT.unreachable;
  return failures.every(({ code }) => code !== null && errorKind(code) === 'lock')
    ? EXIT.lockHeld
    : EXIT.failed;
}
