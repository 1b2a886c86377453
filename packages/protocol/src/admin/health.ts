import { z } from 'zod';

/** `GET /admin/health`: the agent's process answers. */
export const adminHealthSchema = z.object({
  status: z.enum(['ok', 'draining']),
  version: z.string(),
  protocol_version: z.int(),
  uptime_seconds: z.number().min(0),
});
export type AdminHealth = z.infer<typeof adminHealthSchema>;
