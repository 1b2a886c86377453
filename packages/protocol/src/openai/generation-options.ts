import { z } from 'zod';

const stop = z.union([z.string(), z.array(z.string()).max(16)]).nullish();

/** Options that chat and plain completions share. Null means absent, as several clients send it. */
export const generationOptions = {
  model: z.string().min(1),
  stream: z.boolean().nullish(),
  stream_options: z.looseObject({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().gt(0).max(1).nullish(),
  top_k: z.int().min(-1).nullish(),
  min_p: z.number().min(0).max(1).nullish(),
  repetition_penalty: z.number().gt(0).max(10).nullish(),
  presence_penalty: z.number().min(-2).max(2).nullish(),
  frequency_penalty: z.number().min(-2).max(2).nullish(),
  logit_bias: z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100)).nullish(),
  seed: z.int().nullish(),
  stop,
  max_tokens: z.int().positive().nullish(),
  n: z.int().min(1).max(16).nullish(),
  /** Extension named after vLLM's: adds the ids of the completion's tokens to each choice. */
  return_token_ids: z.boolean().nullish(),
} as const;

/**
 * Fields that clients commonly send and that change nothing here: bookkeeping of hosted services, and hints about
 * caches and tiers that a fleet of one's own does not have. docs/configuration.md lists them for users.
 */
export const IGNORED_FIELDS = [
  'metadata',
  'prompt_cache_key',
  'prompt_cache_retention',
  'safety_identifier',
  'service_tier',
  'store',
  'user',
  'verbosity',
] as const;

/** Tokens counted for one request. */
export const usageSchema = z.object({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
  prompt_tokens_details: z.object({ cached_tokens: z.int().min(0) }),
  /** Agents before this field was there say nothing of reasoning. */
  completion_tokens_details: z.object({ reasoning_tokens: z.int().min(0) }).default({ reasoning_tokens: 0 }),
});
export type Usage = z.infer<typeof usageSchema>;

/** Extension: where the time of one request went. */
export const responseTimingsSchema = z.object({
  queue_seconds: z.number(),
  prefill_seconds: z.number(),
  decode_seconds: z.number(),
  /** Completion tokens divided by decode seconds; null for a single token. */
  tokens_per_second: z.number().nullable(),
});
export type ResponseTimings = z.infer<typeof responseTimingsSchema>;

export const finishReasonSchema = z.enum(['stop', 'length', 'tool_calls', 'content_filter']);
export type FinishReason = z.infer<typeof finishReasonSchema>;
