import { z } from 'zod';
import { choiceLogprobSchema } from '../worker-frames/replies.ts';
import {
  responseOutputItemSchema,
  responseReasoningPartSchema,
  responseTextPartSchema,
} from './responses-items.ts';
import { responseObjectSchema } from './responses-object.ts';

/** Events of a streamed response. Each SSE event is named as its `type`; sequence numbers count from 0. */

const numbered = z.object({ sequence_number: z.int().min(0) });
const ofResponse = numbered.extend({ response: responseObjectSchema });
const ofItem = numbered.extend({ output_index: z.int().min(0), item: responseOutputItemSchema });
const inItem = numbered.extend({ item_id: z.string(), output_index: z.int().min(0) });
const inPart = inItem.extend({ content_index: z.literal(0) });
const part = z.discriminatedUnion('type', [responseTextPartSchema, responseReasoningPartSchema]);

export const responseEventSchema = z.discriminatedUnion('type', [
  ofResponse.extend({ type: z.literal('response.created') }),
  ofResponse.extend({ type: z.literal('response.in_progress') }),
  ofResponse.extend({ type: z.literal('response.completed') }),
  ofResponse.extend({ type: z.literal('response.incomplete') }),
  ofResponse.extend({ type: z.literal('response.failed') }),
  ofItem.extend({ type: z.literal('response.output_item.added') }),
  ofItem.extend({ type: z.literal('response.output_item.done') }),
  inPart.extend({ type: z.literal('response.content_part.added'), part }),
  inPart.extend({ type: z.literal('response.content_part.done'), part }),
  inPart.extend({
    type: z.literal('response.output_text.delta'),
    delta: z.string(),
    logprobs: z.array(choiceLogprobSchema),
  }),
  inPart.extend({
    type: z.literal('response.output_text.done'),
    text: z.string(),
    logprobs: z.array(choiceLogprobSchema),
  }),
  inPart.extend({ type: z.literal('response.reasoning_text.delta'), delta: z.string() }),
  inPart.extend({ type: z.literal('response.reasoning_text.done'), text: z.string() }),
  inItem.extend({ type: z.literal('response.function_call_arguments.delta'), delta: z.string() }),
  inItem.extend({
    type: z.literal('response.function_call_arguments.done'),
    name: z.string(),
    arguments: z.string(),
  }),
  /** The request failed before its response was created. */
  numbered.extend({
    type: z.literal('error'),
    code: z.string().nullable(),
    message: z.string(),
    param: z.string().nullable(),
  }),
]);
export type ResponseEvent = z.infer<typeof responseEventSchema>;
