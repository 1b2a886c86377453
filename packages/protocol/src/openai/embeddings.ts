import { z } from 'zod';
import { modelField } from './model-field.ts';
import { option } from './option.ts';
import { textsOrTokensSchema } from './texts-or-tokens.ts';

const MOST_INPUTS = 2048;

/** A list of token ids is one input. */
function countInputs(input: string | readonly unknown[]): number {
  return typeof input === 'string' || typeof input[0] === 'number' ? 1 : input.length;
}

/** `POST /v1/embeddings`: one input or several, as text or as token ids. */
export const embeddingsRequestSchema = z.looseObject({
  model: modelField('An embedding model of `GET /v1/models`, or an id that a hub has.'),
  input: textsOrTokensSchema
    .refine((input) => countInputs(input) <= MOST_INPUTS, `must hold at most ${String(MOST_INPUTS)} inputs`)
    .meta({
      description:
        'Text, texts, token ids, or lists of token ids, up to 2048 of them. Each has a vector. One that is empty, or longer than the model takes, is refused: nothing is cut off.',
    }),
  encoding_format: option(
    z.enum(['float', 'base64']),
    'Numbers, or base64 of little-endian 32-bit floats: the same vector in a quarter of the bytes.',
    '`float`',
  ),
  dimensions: option(
    z.int().positive(),
    'Keeps so many of the first components, and brings the vector to length 1 again. For models that were trained for it.',
    'all',
  ),
});
export type EmbeddingsRequest = z.infer<typeof embeddingsRequestSchema>;

/** Options of other servers that change the vectors. */
export const UNSUPPORTED_EMBEDDINGS_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  add_special_tokens: [true],
  input_type: [],
  instruction: [''],
  normalize: [true],
  output_dtype: ['float'],
  prompt_name: [],
  truncate: [false],
  truncate_prompt_tokens: [],
};

/** Options that change nothing here. */
export const IGNORED_EMBEDDINGS_OPTIONS: Readonly<Record<string, string>> = {
  user: 'Tells a hosted service its users apart.',
};

export const embeddingsSchema = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      object: z.literal('embedding'),
      index: z.int().min(0),
      /** Of Euclidean length 1. */
      embedding: z.union([z.array(z.number()), z.base64()]),
    }),
  ),
  model: z.string(),
  usage: z.object({ prompt_tokens: z.int().min(0), total_tokens: z.int().min(0) }),
});
export type Embeddings = z.infer<typeof embeddingsSchema>;
