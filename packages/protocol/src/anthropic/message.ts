import { z } from 'zod';
import { responseTimingsSchema } from '../openai/generation-options.ts';
import { anthropicContentBlockSchema } from './content.ts';

export const anthropicUsageSchema = z.object({
  /** Tokens of the prompt that did not come from a cache. */
  input_tokens: z.int().min(0),
  cache_read_input_tokens: z.int().min(0),
  /** Caches here are no business of the client: always 0. */
  cache_creation_input_tokens: z.literal(0),
  output_tokens: z.int().min(0),
  output_tokens_details: z.object({ thinking_tokens: z.int().min(0) }),
});
export type AnthropicUsage = z.infer<typeof anthropicUsageSchema>;

const stopReason = z.enum(['end_turn', 'max_tokens', 'stop_sequence', 'tool_use']);

/** The answer of `POST /v1/messages`. */
export const anthropicMessageSchema = z.object({
  id: z.string(),
  type: z.literal('message'),
  role: z.literal('assistant'),
  model: z.string(),
  content: z.array(anthropicContentBlockSchema),
  stop_reason: stopReason.nullable(),
  /** The text that ended it, where stop_reason is stop_sequence. */
  stop_sequence: z.string().nullable(),
  usage: anthropicUsageSchema,
  /** Extension; not in the message that opens a stream. */
  timings: responseTimingsSchema.optional(),
});
export type AnthropicMessage = z.infer<typeof anthropicMessageSchema>;

/** The answer of `POST /v1/messages/count_tokens`. */
export const countTokensSchema = z.object({ input_tokens: z.int().min(0) });
export type CountTokens = z.infer<typeof countTokensSchema>;
