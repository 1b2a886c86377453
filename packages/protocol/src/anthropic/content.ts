import { z } from 'zod';
import { documentOptions } from '../document-options.ts';

/** Blocks of a message to `/v1/messages`. `cache_control` may stand in any of them and changes nothing. */

export const givenTextBlock = z.looseObject({ type: z.literal('text'), text: z.string() });

const base64Source = z.looseObject({ type: z.literal('base64'), media_type: z.string(), data: z.string() });
const urlSource = z.looseObject({ type: z.literal('url'), url: z.string() });
/** Of Anthropic's file store: refused by name. */
const fileSource = z.looseObject({ type: z.literal('file') });

const image = z.looseObject({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [base64Source, urlSource, fileSource]),
});

const document = z.looseObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    base64Source,
    z.looseObject({ type: z.literal('text'), data: z.string() }),
    /** Refused by name. */
    z.looseObject({ type: z.literal('content') }),
    urlSource,
    fileSource,
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
  /** Refused where they are wanted. */
  citations: z.looseObject({ enabled: z.boolean().nullish() }).nullish(),
  ...documentOptions,
});

/** What the user and the result of a tool can show a model. */
const shownBlock = z.discriminatedUnion('type', [givenTextBlock, image, document]);
export type ShownBlock = z.infer<typeof shownBlock>;

const toolResult = z.looseObject({
  type: z.literal('tool_result'),
  tool_use_id: z.string(),
  content: z.union([z.string(), z.array(shownBlock)]).nullish(),
  is_error: z.boolean().nullish(),
});

const userBlock = z.discriminatedUnion('type', [givenTextBlock, image, document, toolResult]);
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
