import { describe } from 'vitest';

/**
 * A group of tests that this machine can host when `obstacle` is null; otherwise it is skipped, hooks included, with the
 * obstacle as the reason that `npm test` lists.
 */
export function describeUnless(obstacle: string | null, title: string, body: () => void): void {
  const reason = obstacle === null ? '' : ` [skipped: ${obstacle}]`;
  describe.skipIf(obstacle !== null)(`${title}${reason}`, () => {
    body();
  });
}

/** The reason that describeUnless put into a test's full name; null when there is none. */
export function skipReason(fullName: string): string | null {
  return /\[skipped: (.+?)\]/.exec(fullName)?.[1] ?? null;
}
