import { z } from 'zod';
import { modelField } from './model-field.ts';
import { option } from './option.ts';

const streamOptions = z.looseObject({
  include_usage: option(
    z.boolean(),
    'A last chunk without choices carries `usage`; each one before it has `"usage": null`.',
    '`false`',
  ),
});

/** Also beyond what a float holds exactly: clients draw seeds of 64 bits. */
const wholeNumber = z.number().refine(Number.isInteger, 'must be a whole number').meta({ type: 'integer' });

/** Options that chat and plain completions share. */
export const generationOptions = {
  model: modelField(),
  stream: option(z.boolean(), 'Server-sent events, ended by `data: [DONE]`.', '`false`'),
  stream_options: option(
    streamOptions,
    'Details of the stream. `continuous_usage_stats` and `include_obfuscation` are ignored.',
  ),
  max_tokens: option(
    z.int().positive(),
    'Most tokens of each completion, those of reasoning and of tool calls included.',
  ),
  n: option(
    z.int().min(1).max(16),
    'Choices for each prompt. One request may have as many choices in all as a model takes and lets wait: `max_batch_size` plus `queue_depth` of the agent, 114 by default.',
    '1',
  ),
  temperature: option(
    z.number().min(0).max(2),
    "0 is greedy: always the most likely token. 1 draws from the model's own distribution.",
    '1',
  ),
  top_p: option(
    z.number().gt(0).max(1),
    'Draws from the most likely tokens that together have this probability.',
    '1',
  ),
  top_k: option(
    z.int().min(-1),
    'Extension. Draws from so many of the most likely tokens; -1 and 0 keep all.',
    '0',
  ),
  min_p: option(
    z.number().min(0).max(1),
    'Extension. Drops tokens less likely than this share of the most likely one.',
    '0',
  ),
  seed: option(
    wholeNumber,
    'Makes sampling repeatable, whatever else the host does at the time. Choice `i` of `n` has the seed plus `i`. Of any size: one of 2^53 or more is rounded to what a 64-bit float holds, as JSON numbers are, and its remainder by 2^53 counts.',
    'another draw each time',
  ),
  presence_penalty: option(
    z.number().min(-2).max(2),
    'Taken once from the logit of each token that the completion has.',
    '0',
  ),
  frequency_penalty: option(
    z.number().min(-2).max(2),
    'Taken from the logit of a token for each time that the completion has it.',
    '0',
  ),
  repetition_penalty: option(
    z.number().gt(0).max(10),
    'Extension. Makes tokens of the prompt and the completion so many times less likely; 1 does nothing.',
    '1',
  ),
  logit_bias: option(
    z.record(z.string().regex(/^\d+$/), z.number().min(-100).max(100)),
    'Token id to a number that is added to its logit.',
    'none',
  ),
  stop: option(
    z.union([z.string(), z.array(z.string()).max(16)]),
    'Texts that end a completion; they are not part of it. `stop_reason` of the choice says which one it was.',
    'none',
  ),
  return_token_ids: option(
    z.boolean(),
    "Extension, named after vLLM's. Adds `token_ids` to each choice, in a stream to each chunk.",
    '`false`',
  ),
} as const;

/**
 * Fields that clients commonly send and that change nothing here: bookkeeping of hosted services, and hints about
 * caches and tiers that a fleet of one's own does not have. Each with what it is for.
 */
export const IGNORED_OPTIONS: Readonly<Record<string, string>> = {
  metadata: 'Labels of stored answers; none are stored.',
  prediction: 'A guess at the answer that makes it come faster and does not change it.',
  prompt_cache_key:
    'Brings alike prompts of a hosted service to one machine; here they find what they share by themselves.',
  prompt_cache_retention: 'How long a hosted cache keeps the prompt.',
  safety_identifier: 'Tells a hosted service its users apart.',
  service_tier: 'The price of a hosted service.',
  store: 'Whether the answer is kept for later; none are.',
  user: 'Tells a hosted service its users apart.',
  verbosity: 'A hint for models that know it; say it in the prompt.',
};

export const promptTokensDetailsSchema = z.object({
  cached_tokens: z.int().min(0),
  /** How many stand for images; absent where the request has none. */
  image_tokens: z.int().min(0).optional(),
});

/** Tokens counted for one request. */
export const usageSchema = z.object({
  prompt_tokens: z.int().min(0),
  completion_tokens: z.int().min(0),
  total_tokens: z.int().min(0),
  prompt_tokens_details: promptTokensDetailsSchema,
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
