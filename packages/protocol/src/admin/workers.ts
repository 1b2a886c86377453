import { z } from 'zod';
import { workerStatusSchema } from './status.ts';

/** A worker with what it says of itself. What it has not said yet, or says only while a model is loaded, is null. */
const adminWorkerSchema = workerStatusSchema.extend({
  requests: z.object({ running: z.int().min(0), waiting: z.int().min(0) }),
  circuit: z.object({
    /** `open`: it failed too often and rests. `half-open`: it has rested, and one more failure opens it again. */
    state: z.enum(['closed', 'half-open', 'open']),
    /** Failures in a row without a minute of service between them, and how many open the circuit. */
    failures: z.int().min(0),
    limit: z.int().positive(),
    /** Until it may be started again; null when it does not wait for that. */
    retry_seconds: z.number().min(0).nullable(),
  }),
  /** The last time that it died, froze or could not load; it outlasts the process. */
  last_crash: z
    .object({
      /** ISO 8601. */
      at: z.iso.datetime(),
      reason: z.string(),
      /** The last lines of that process's log, oldest first. */
      log: z.array(z.string()),
    })
    .nullable(),
  memory: z
    .object({
      /** Bytes in use by MLX arrays, the highest use so far, and bytes in MLX's buffer cache. */
      active_bytes: z.int().min(0),
      peak_bytes: z.int().min(0),
      cache_bytes: z.int().min(0),
    })
    .nullable(),
  /** Bytes that MLX may use in it. */
  memory_limit_bytes: z.int().positive().nullable(),
  /** Kept prefixes of prompts. */
  prefix_cache: z
    .object({
      /** Bytes in memory, a part of the active bytes, and on disk. */
      memory_bytes: z.int().min(0),
      disk_bytes: z.int().min(0),
      /** Prompts since the model was loaded, and how many of them went on from a kept prefix. */
      prompts: z.int().min(0),
      hits: z.int().min(0),
      /** Tokens of those prompts, and how many of them were not computed again. */
      prompt_tokens: z.int().min(0),
      cached_tokens: z.int().min(0),
    })
    .nullable(),
  /** Kept images, outside of MLX, and what the vision tower made of them, a part of the active bytes; null also in agents that do not tell. */
  image_cache: z
    .object({ image_bytes: z.int().min(0), feature_bytes: z.int().min(0) })
    .nullable()
    .default(null),
  /** Tokens guessed since the model was loaded, how many of them were right, and their share; null without any. */
  speculation: z
    .object({
      drafted_tokens: z.int().min(0),
      accepted_tokens: z.int().min(0),
      acceptance: z.number().min(0).max(1).nullable(),
    })
    .nullable(),
  /** Decoding steps, prefill chunks and other finished pieces of work since its process began. */
  steps: z.int().min(0).nullable(),
  /** Seconds that it has had work since it last finished a piece of it; 0 while idle. */
  seconds_since_progress: z.number().min(0).nullable(),
});
export type AdminWorker = z.infer<typeof adminWorkerSchema>;

/** `GET /admin/workers`: one for each model that is loaded, on its way, or broken. */
export const adminWorkersSchema = z.object({ workers: z.array(adminWorkerSchema) });
export type AdminWorkers = z.infer<typeof adminWorkersSchema>;
