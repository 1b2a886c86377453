import { z } from 'zod';

/** What `status` says of a host. */
export const hostStateSchema = z.enum([
  'healthy',
  'starting',
  'degraded',
  'stopped',
  'not-installed',
  'unreachable',
]);
export type HostState = z.infer<typeof hostStateSchema>;

/** What a deploy or a rollback did to a host. */
export const deployOutcomeSchema = z.enum([
  'changed',
  'unchanged',
  'rolled-back',
  'failed',
  'skipped',
  'unreachable',
]);
export type DeployOutcome = z.infer<typeof deployOutcomeSchema>;
