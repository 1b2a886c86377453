import { z } from 'zod';
import { modelStatusSchema } from './status.ts';

/** `POST /admin/load`. Answers when the model is ready. */
export const adminLoadRequestSchema = z.strictObject({
  model: z.string().min(1),
  /** Keep it until it is unloaded by hand. */
  pin: z.boolean().default(false),
});
export type AdminLoadRequest = z.input<typeof adminLoadRequestSchema>;

export const adminLoadResponseSchema = z.object({
  status: z.enum(['loaded', 'already_loaded']),
  model: modelStatusSchema,
  load_seconds: z.number().min(0),
});
export type AdminLoadResponse = z.infer<typeof adminLoadResponseSchema>;
