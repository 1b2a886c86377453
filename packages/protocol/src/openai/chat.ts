import { z } from 'zod';
import { choiceLogprobSchema } from '../worker-frames/replies.ts';
import { chatMessageSchema } from './chat-messages.ts';
import { toolCallChunkSchema, toolCallSchema, toolChoiceOptionSchema, toolsSchema } from './chat-tools.ts';
import {
  finishReasonSchema,
  generationOptions,
  responseTimingsSchema,
  usageSchema,
} from './generation-options.ts';
import { option } from './option.ts';
import { responseFormatSchema } from './response-format.ts';

/**
 * `POST /v1/chat/completions`. Fields outside this list are accepted and left alone; those that ask for something
 * that cannot be honoured are refused by name (see `UNSUPPORTED_CHAT_OPTIONS`).
 */
export const chatRequestSchema = z.looseObject({
  ...generationOptions,
  messages: z.array(chatMessageSchema).min(1).meta({
    description: 'The conversation so far, see [Messages](#messages).',
  }),
  max_completion_tokens: option(
    z.int().positive(),
    'Most tokens of each completion, those of reasoning and of tool calls included; goes before `max_tokens`.',
    'up to the context',
  ),
  tools: option(toolsSchema, 'Functions that the model may call, see [Tools](#tools).', 'none'),
  tool_choice: option(
    toolChoiceOptionSchema,
    '`none`: no call. `auto`: as the model likes. `required`: at least one call. An object: this function is called.',
    '`auto` with `tools`, else `none`',
  ),
  parallel_tool_calls: option(z.boolean(), 'Whether one answer may hold several calls.', '`true`'),
  response_format: option(
    responseFormatSchema,
    'What the text has to be: anything, some JSON object, or JSON by a schema, see [JSON](#json).',
    '`{"type": "text"}`',
  ),
  logprobs: option(
    z.boolean(),
    "Log-probabilities of the text's tokens, see [Log-probabilities](#log-probabilities).",
    '`false`',
  ),
  top_logprobs: option(
    z.int().min(0).max(20),
    'Most likely tokens to list beside each token; needs `logprobs`.',
    '0',
  ),
  reasoning_effort: option(
    z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']),
    'For models that reason, see [Reasoning](#reasoning).',
    "as the model's template decides",
  ),
  enable_thinking: option(
    z.boolean(),
    "Extension. The chat template's variable of this name; goes before `reasoning_effort`.",
    "as the model's template decides",
  ),
  chat_template_kwargs: option(
    z.record(z.string(), z.unknown()),
    "Extension. Variables for the model's chat template, nested up to 16 levels; goes before all other options that set some.",
    'none',
  ),
});
export type ChatRequest = z.infer<typeof chatRequestSchema>;

const choiceLogprobs = z.object({ content: z.array(choiceLogprobSchema), refusal: z.null() }).nullable();

/** Extension: the stop text that ended the choice. */
const stopReason = z.string().optional();

export const chatCompletionSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion'),
  /** Unix seconds. */
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int().min(0),
      message: z.object({
        role: z.literal('assistant'),
        /** Null where the answer is calls alone. */
        content: z.string().nullable(),
        refusal: z.null(),
        /** Extension, as several servers have it: what the model thought before it answered. */
        reasoning_content: z.string().optional(),
        tool_calls: z.array(toolCallSchema).optional(),
      }),
      logprobs: choiceLogprobs,
      finish_reason: finishReasonSchema,
      stop_reason: stopReason,
      token_ids: z.array(z.int()).optional(),
    }),
  ),
  usage: usageSchema,
  timings: responseTimingsSchema,
});

export const chatCompletionChunkSchema = z.object({
  id: z.string(),
  object: z.literal('chat.completion.chunk'),
  created: z.int(),
  model: z.string(),
  choices: z.array(
    z.object({
      index: z.int().min(0),
      delta: z.object({
        role: z.literal('assistant').optional(),
        content: z.string().optional(),
        reasoning_content: z.string().optional(),
        tool_calls: z.array(toolCallChunkSchema).optional(),
      }),
      logprobs: choiceLogprobs,
      finish_reason: finishReasonSchema.nullable(),
      stop_reason: stopReason,
      token_ids: z.array(z.int()).optional(),
    }),
  ),
  /** Null in every chunk but the last when `stream_options.include_usage` is set; absent otherwise. */
  usage: usageSchema.nullable().optional(),
  timings: responseTimingsSchema.optional(),
});
export type ChatCompletionChunk = z.infer<typeof chatCompletionChunkSchema>;
