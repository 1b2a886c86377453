import { z } from 'zod';
import {
  finishReasonSchema,
  generationOptions,
  responseTimingsSchema,
  usageSchema,
} from './generation-options.ts';

const tokens = z.array(z.int().min(0)).min(1);

/** `POST /v1/completions`: one prompt or several, as text or as token ids. */
export const completionRequestSchema = z.looseObject({
  ...generationOptions,
  prompt: z.union([z.string(), z.array(z.string()).min(1), tokens, z.array(tokens).min(1)]),
});
export type CompletionRequest = z.infer<typeof completionRequestSchema>;

const choice = z.object({
  index: z.int().min(0),
  text: z.string(),
  logprobs: z.null(),
  finish_reason: finishReasonSchema,
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
export type CompletionChunk = z.infer<typeof completionChunkSchema>;
