import { z } from 'zod';
import { openAiErrorSchema } from '../openai/error.ts';

/** `POST /admin/models/pull`: fetches a model of the hub, or joins the download that runs. */
export const adminPullRequestSchema = z.strictObject({ model: z.string().min(1) });

export const downloadProgressSchema = z.object({
  /** Of the model's files, what is there. */
  bytes: z.int().min(0),
  /** Null where the hub does not say. */
  total_bytes: z.int().positive().nullable(),
});

/** One line of the answer, which is JSON lines. `done` or `failed` is the last. */
export const adminPullEventSchema = z.discriminatedUnion('event', [
  downloadProgressSchema.extend({ event: z.literal('progress') }),
  z.object({
    event: z.literal('done'),
    /** Id of the model that was fetched: of an alias, the one behind it. */
    model: z.string(),
    disk_bytes: z.int().min(0),
  }),
  z.object({ event: z.literal('failed'), error: openAiErrorSchema.shape.error }),
]);
export type AdminPullEvent = z.infer<typeof adminPullEventSchema>;
