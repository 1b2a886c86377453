import { z } from 'zod';
import { responseTimingsSchema } from '../openai/generation-options.ts';
import { anthropicContentBlockSchema } from './content.ts';
import { anthropicErrorSchema } from './error.ts';
import { anthropicMessageSchema, anthropicUsageSchema } from './message.ts';

const index = z.int().min(0);

/** Events of a streamed message. Each SSE event is named as its `type`. */
export const anthropicEventSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('message_start'), message: anthropicMessageSchema }),
  z.object({
    type: z.literal('content_block_start'),
    index,
    /** Without its text or input, which deltas bring. */
    content_block: anthropicContentBlockSchema,
  }),
  z.object({
    type: z.literal('content_block_delta'),
    index,
    delta: z.discriminatedUnion('type', [
      z.object({ type: z.literal('text_delta'), text: z.string() }),
      z.object({ type: z.literal('thinking_delta'), thinking: z.string() }),
      z.object({ type: z.literal('signature_delta'), signature: z.string() }),
      z.object({ type: z.literal('input_json_delta'), partial_json: z.string() }),
    ]),
  }),
  z.object({ type: z.literal('content_block_stop'), index }),
  z.object({
    type: z.literal('message_delta'),
    delta: anthropicMessageSchema.pick({ stop_reason: true, stop_sequence: true }),
    usage: anthropicUsageSchema,
    timings: responseTimingsSchema,
  }),
  z.object({ type: z.literal('message_stop') }),
  /** Says nothing: it keeps a waiting stream open. */
  z.object({ type: z.literal('ping') }),
  anthropicErrorSchema,
]);
export type AnthropicEvent = z.infer<typeof anthropicEventSchema>;
