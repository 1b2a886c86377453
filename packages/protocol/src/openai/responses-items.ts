import { z } from 'zod';
import { documentOptions } from '../document-options.ts';
import { choiceLogprobSchema } from '../worker-frames/replies.ts';
import { imageDetailSchema } from './chat-messages.ts';

/** What goes into `/v1/responses`, and what comes out of it: both can be the input of the next request. */

/** Chat completions has an object there. */
const URL_ITSELF = 'must be a text, the URL itself; detail stands beside it';

const inputText = z.looseObject({ type: z.literal('input_text'), text: z.string() });
/** `file_id` is refused by name, here and of files, and so is `file_url`. */
const inputImage = z.looseObject({
  type: z.literal('input_image'),
  image_url: z.string({ error: URL_ITSELF }).nullish(),
  detail: imageDetailSchema.nullish(),
});
const inputFile = z.looseObject({
  type: z.literal('input_file'),
  /** A data URL, or its base64 alone. */
  file_data: z.string().nullish(),
  filename: z.string().nullish(),
  ...documentOptions,
});
const givenOutputText = z.looseObject({ type: z.literal('output_text'), text: z.string() });
const givenRefusal = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });

const messagePart = z.discriminatedUnion('type', [
  inputText,
  inputImage,
  inputFile,
  givenOutputText,
  givenRefusal,
]);
export type ResponseInputPart = z.infer<typeof messagePart>;

const toolOutput = z.union([
  z.string(),
  z.array(z.discriminatedUnion('type', [inputText, inputImage, inputFile])),
]);

export const responseInputItemSchema = z.discriminatedUnion('type', [
  z.looseObject({
    type: z.literal('message').optional(),
    role: z.enum(['user', 'assistant', 'system', 'developer']),
    content: z.union([z.string(), z.array(messagePart)]),
  }),
  z.looseObject({
    type: z.literal('function_call'),
    call_id: z.string(),
    name: z.string(),
    /** JSON as the model wrote it. */
    arguments: z.string(),
  }),
  z.looseObject({ type: z.literal('function_call_output'), call_id: z.string(), output: toolOutput }),
  z.looseObject({
    type: z.literal('reasoning'),
    /** Reasoning as this API gives it. Summaries and encrypted reasoning of other servers are no use to a model here. */
    content: z.array(z.looseObject({ type: z.literal('reasoning_text'), text: z.string() })).nullish(),
  }),
  /** An item of a stored response, named by its id. */
  z.looseObject({ type: z.literal('item_reference').nullable(), id: z.string() }),
]);
export type ResponseInputItem = z.infer<typeof responseInputItemSchema>;

const itemStatus = z.enum(['in_progress', 'completed', 'incomplete']);

export const responseTextPartSchema = z.object({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(z.never()),
  /** Empty unless the request includes message.output_text.logprobs. */
  logprobs: z.array(choiceLogprobSchema),
});

export const responseReasoningPartSchema = z.object({ type: z.literal('reasoning_text'), text: z.string() });

export const responseOutputItemSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('message'),
    id: z.string(),
    role: z.literal('assistant'),
    status: itemStatus,
    content: z.array(responseTextPartSchema),
  }),
  z.object({
    type: z.literal('reasoning'),
    id: z.string(),
    status: itemStatus,
    /** Always empty: `content` has all of it. */
    summary: z.array(z.never()),
    content: z.array(responseReasoningPartSchema),
    encrypted_content: z.null(),
  }),
  z.object({
    type: z.literal('function_call'),
    id: z.string(),
    status: itemStatus,
    /** What function_call_output names. */
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  }),
]);
export type ResponseOutputItem = z.infer<typeof responseOutputItemSchema>;
