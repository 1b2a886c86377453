import { z } from 'zod';
import { promptTokensDetailsSchema, responseTimingsSchema } from './generation-options.ts';
import { responseOutputItemSchema } from './responses-items.ts';

const responseUsageSchema = z.object({
  input_tokens: z.int().min(0),
  input_tokens_details: promptTokensDetailsSchema,
  output_tokens: z.int().min(0),
  output_tokens_details: z.object({ reasoning_tokens: z.int().min(0) }),
  total_tokens: z.int().min(0),
});
export type ResponseUsage = z.infer<typeof responseUsageSchema>;

/** The answer of `POST /v1/responses` and of `GET /v1/responses/{id}`; much of it is the request, told back. */
export const responseObjectSchema = z.object({
  id: z.string(),
  object: z.literal('response'),
  /** Unix seconds. */
  created_at: z.int(),
  completed_at: z.int().nullable(),
  status: z.enum(['in_progress', 'completed', 'incomplete', 'failed']),
  error: z.object({ code: z.string(), message: z.string() }).nullable(),
  incomplete_details: z.object({ reason: z.literal('max_output_tokens') }).nullable(),
  model: z.string(),
  output: z.array(responseOutputItemSchema),
  previous_response_id: z.string().nullable(),
  instructions: z.string().nullable(),
  tools: z.array(z.record(z.string(), z.unknown())),
  tool_choice: z.union([z.string(), z.record(z.string(), z.unknown())]),
  parallel_tool_calls: z.boolean(),
  text: z.record(z.string(), z.unknown()),
  reasoning: z.object({ effort: z.string().nullable(), summary: z.null() }),
  max_output_tokens: z.int().nullable(),
  temperature: z.number(),
  top_p: z.number(),
  top_logprobs: z.int(),
  truncation: z.literal('disabled'),
  background: z.literal(false),
  store: z.boolean(),
  metadata: z.record(z.string(), z.string()),
  user: z.string().nullable(),
  safety_identifier: z.string().nullable(),
  prompt_cache_key: z.string().nullable(),
  service_tier: z.literal('default'),
  /** Null until the end. */
  usage: responseUsageSchema.nullable(),
  /** Extension: null until the end. */
  timings: responseTimingsSchema.nullable(),
});
export type ResponseObject = z.infer<typeof responseObjectSchema>;

/** The answer of `DELETE /v1/responses/{id}`. */
const responseDeletedSchema = z.object({
  id: z.string(),
  object: z.literal('response'),
  deleted: z.literal(true),
});
export type ResponseDeleted = z.infer<typeof responseDeletedSchema>;
