import { z } from 'zod';
import {
  finishReasonSchema,
  generationOptions,
  responseTimingsSchema,
  usageSchema,
} from './generation-options.ts';
import { option } from './option.ts';
import { responseFormatSchema } from './response-format.ts';
import { textsOrTokensSchema } from './texts-or-tokens.ts';

const MOST_ALTERNATIVES = 20;

/** One check for both: of a union, the fault of its last option would be told. */
const alternatives = z
  .custom<number | false>(
    (value) =>
      value === false ||
      (Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MOST_ALTERNATIVES),
    `must be a whole number from 0 to ${String(MOST_ALTERNATIVES)}, or false`,
  )
  .meta({ anyOf: [{ type: 'integer', minimum: 0, maximum: MOST_ALTERNATIVES }, { const: false }] });

/** `POST /v1/completions`: one prompt or several, as text or as token ids. */
export const completionRequestSchema = z.looseObject({
  ...generationOptions,
  prompt: textsOrTokensSchema.meta({
    description:
      'Text, texts, token ids, or lists of token ids. Each has `n` choices, those of the first prompt first.',
  }),
  max_tokens: option(z.int().positive(), 'Most tokens of each completion.', '16'),
  best_of: option(
    z.int().min(1).max(16),
    'Has to be what `n` is: as many are generated as are returned.',
    '`n`',
  ),
  echo: option(
    z.boolean(),
    'Puts the prompt in front of each completion. Text prompts only, without `logprobs`.',
    '`false`',
  ),
  logprobs: option(
    alternatives,
    'Log-probabilities, with so many of the most likely tokens beside each, see [Log-probabilities](#log-probabilities).',
    '`false`',
  ),
  response_format: option(
    responseFormatSchema,
    'Extension. What the text has to be, see [JSON](#json).',
    '`{"type": "text"}`',
  ),
});
export type CompletionRequest = z.infer<typeof completionRequestSchema>;

/** One entry for each token. */
const legacyLogprobs = z.object({
  tokens: z.array(z.string()),
  token_logprobs: z.array(z.number()),
  top_logprobs: z.array(z.record(z.string(), z.number())).nullable(),
  /** Where the token begins in the completion, in Unicode characters. */
  text_offset: z.array(z.int().min(0)),
});

const choice = z.object({
  index: z.int().min(0),
  text: z.string(),
  logprobs: legacyLogprobs.nullable(),
  finish_reason: finishReasonSchema,
  /** Extension: the stop text that ended the choice. */
  stop_reason: z.string().optional(),
  token_ids: z.array(z.int()).optional(),
});

export const completionSchema = z.object({
  id: z.string(),
  object: z.literal('text_completion'),
  /** Unix seconds. */
  created: z.int(),
  model: z.string(),
  choices: z.array(choice),
  usage: usageSchema,
  timings: responseTimingsSchema,
});
export type Completion = z.infer<typeof completionSchema>;

export const completionChunkSchema = z.object({
  id: z.string(),
  object: z.literal('text_completion'),
  created: z.int(),
  model: z.string(),
  choices: z.array(choice.extend({ finish_reason: finishReasonSchema.nullable() })),
  usage: usageSchema.nullable().optional(),
  timings: responseTimingsSchema.optional(),
});
