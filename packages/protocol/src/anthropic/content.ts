import { z } from 'zod';

/** Blocks of a message to `/v1/messages`. `cache_control` may stand in any of them and changes nothing. */

export const givenTextBlock = z.looseObject({ type: z.literal('text'), text: z.string() });
const image = z.looseObject({ type: z.literal('image') });

const toolResult = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(z.discriminatedUnion('type', [givenTextBlock, image]))]).nullish(),
  is_error: z.boolean().nullish(),
});

const userBlock = z.discriminatedUnion('type', [givenTextBlock, image, toolResult]);
export type UserBlock = z.infer<typeof userBlock>;

const assistantBlock = z.discriminatedUnion('type', [
  givenTextBlock,
  z.looseObject({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
  /** The signature is not looked at. */
  z.looseObject({ type: z.literal('thinking'), thinking: z.string() }),
  /** Of another server: nothing here can read it. */
  z.looseObject({ type: z.literal('redacted_thinking') }),
]);
export type AssistantBlock = z.infer<typeof assistantBlock>;

export const anthropicMessageParamSchema = z.discriminatedUnion('role', [
  z.looseObject({ role: z.literal('user'), content: z.union([z.string(), z.array(userBlock).min(1)]) }),
  /** An answer may have no blocks, and comes back so. */
  z.looseObject({ role: z.literal('assistant'), content: z.union([z.string(), z.array(assistantBlock)]) }),
  z.looseObject({
    role: z.literal('system'),
    content: z.union([z.string(), z.array(givenTextBlock).min(1)]),
  }),
]);
export type AnthropicMessageParam = z.infer<typeof anthropicMessageParamSchema>;

/** Blocks of an answer. */
export const anthropicContentBlockSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text'), text: z.string(), citations: z.null() }),
  z.object({
    type: z.literal('thinking'),
    thinking: z.string(),
    /** Opaque. Clients keep blocks that have one, and send them back. */
    signature: z.string(),
  }),
  z.object({
    type: z.literal('tool_use'),
    id: z.string(),
    name: z.string(),
    input: z.record(z.string(), z.unknown()),
  }),
]);
export type AnthropicContentBlock = z.infer<typeof anthropicContentBlockSchema>;
