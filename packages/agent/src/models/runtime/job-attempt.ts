import type { Job } from '../../scheduler/job.ts';

/** A job in the hands of a worker, perhaps for the second time. */
export interface JobAttempt {
  readonly job: Job;
  /** Workers that have died with it before. */
  readonly crashes: number;
  /** Whether its listener was given any output. */
  readonly hasOutput: boolean;
  /** When a worker got it, milliseconds of the steady clock; null while it waits for one. */
  readonly sentAt: number | null;
}

export type AttemptEnd =
  | { readonly kind: 'again'; readonly attempt: JobAttempt }
  /** With the number of workers that have died with it. */
  | { readonly kind: 'failed'; readonly crashes: number };

/**
 * What becomes of a job whose worker has died. One without output is begun anew, which its client does not see; but one
 * that has seen two workers die may be what kills them.
 */
export function afterCrash({ job, crashes, hasOutput }: JobAttempt): AttemptEnd {
  if (hasOutput || crashes > 0) return { kind: 'failed', crashes: crashes + 1 };
  return { kind: 'again', attempt: { job, crashes: 1, hasOutput: false, sentAt: null } };
}
