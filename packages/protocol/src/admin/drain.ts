import { z } from 'zod';

/**
 * `POST /admin/drain`: new requests are refused, and what runs or waits is finished. `POST /admin/resume` takes it back.
 * Both answer at once, and doing them twice changes nothing. The body may be absent.
 */
export const adminDrainRequestSchema = z.strictObject({});

export const adminDrainResponseSchema = z.object({
  status: z.enum(['starting', 'running', 'draining']),
  /** What is left to finish. */
  requests: z.object({ running: z.int().min(0), waiting: z.int().min(0) }),
});
export type AdminDrainResponse = z.infer<typeof adminDrainResponseSchema>;
