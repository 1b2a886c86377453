import { z } from 'zod';

/** `POST /admin/unload`. Running requests of the model finish first, unless `force` is set. */
export const adminUnloadRequestSchema = z.strictObject({
  model: z.string().min(1),
  force: z.boolean().default(false),
});
export type AdminUnloadRequest = z.input<typeof adminUnloadRequestSchema>;

export const adminUnloadResponseSchema = z.object({
  status: z.enum(['unloaded', 'not_loaded']),
  model: z.string(),
});
export type AdminUnloadResponse = z.infer<typeof adminUnloadResponseSchema>;
