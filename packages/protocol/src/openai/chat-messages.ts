import { z } from 'zod';
import { documentOptions } from '../document-options.ts';
import { toolCallSchema } from './chat-tools.ts';

/** How closely the model is to look at an image. */
export const imageDetailSchema = z.enum(['auto', 'low', 'high', 'original']);
export type ImageDetail = z.infer<typeof imageDetailSchema>;

const textPart = z.looseObject({ type: z.literal('text'), text: z.string() });
const imagePart = z.looseObject({
  type: z.literal('image_url'),
  /** OpenAI's API takes an object alone; several clients send the URL by itself. */
  image_url: z.union([z.string(), z.looseObject({ url: z.string(), detail: imageDetailSchema.nullish() })]),
});
/** A document. `file_id` of OpenAI's is refused by name. */
const filePart = z.looseObject({
  type: z.literal('file'),
  file: z.looseObject({
    /** A data URL, or its base64 alone. */
    file_data: z.string().nullish(),
    filename: z.string().nullish(),
    ...documentOptions,
  }),
});
const refusalPart = z.looseObject({ type: z.literal('refusal'), refusal: z.string() });
const contentPart = z.discriminatedUnion('type', [textPart, imagePart, filePart]);
export type ContentPart = z.infer<typeof contentPart>;

const content = z.union([z.string(), z.array(contentPart)]);
/** Who of several speakers with one role it is. */
const name = z.string().nullish();

/** One message of a conversation. */
export const chatMessageSchema = z.discriminatedUnion('role', [
  z.looseObject({ role: z.literal('system'), content, name }),
  z.looseObject({ role: z.literal('developer'), content, name }),
  z.looseObject({ role: z.literal('user'), content, name }),
  z.looseObject({
    role: z.literal('assistant'),
    content: z.union([z.string(), z.array(z.discriminatedUnion('type', [textPart, refusalPart]))]).nullish(),
    name,
    refusal: z.string().nullish(),
    reasoning_content: z.string().nullish(),
    tool_calls: z.array(toolCallSchema).nullish(),
  }),
  z.looseObject({ role: z.literal('tool'), content, tool_call_id: z.string(), name }),
]);
export type ChatMessage = z.infer<typeof chatMessageSchema>;
