import { z } from 'zod';
import { generationOptions } from './generation-options.ts';
import { option } from './option.ts';
import { responseInputItemSchema } from './responses-items.ts';
import { UNSUPPORTED_FOREIGN_OPTIONS } from './unsupported-options.ts';

const functionName = z
  .string()
  .regex(/^[a-zA-Z0-9_-]{1,64}$/, 'must be 1 to 64 letters, digits, dashes or underscores');

const functionTool = z.looseObject({
  type: z.literal('function'),
  name: functionName,
  description: z.string().nullish(),
  /** JSON schema of the arguments. */
  parameters: z.record(z.string(), z.unknown()).nullish(),
  /** Whether the arguments follow the schema also where the model is free to call or not. */
  strict: z.boolean().nullish(),
});

const namedFunction = z.looseObject({ type: z.literal('function'), name: z.string() });

const toolChoice = z.union([
  z.enum(['none', 'auto', 'required']),
  z.discriminatedUnion('type', [
    namedFunction,
    /** As if the other tools were not there. */
    z.looseObject({
      type: z.literal('allowed_tools'),
      mode: z.enum(['auto', 'required']),
      tools: z.array(namedFunction).min(1),
    }),
  ]),
]);

const textFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    name: z.string(),
    schema: z.record(z.string(), z.unknown()),
  }),
]);

/** OpenAI's own limits. */
const metadata = z
  .record(z.string().max(64), z.string().max(512))
  .refine((pairs) => Object.keys(pairs).length <= 16, 'must have at most 16 pairs');

const { model, temperature, top_p, top_k, min_p, seed, logit_bias } = generationOptions;
const { repetition_penalty, presence_penalty, frequency_penalty } = generationOptions;

/**
 * `POST /v1/responses`. Fields outside this list are accepted and left alone; those that ask for something that cannot be
 * honoured are refused by name (see `UNSUPPORTED_RESPONSES_OPTIONS`).
 */
export const responsesRequestSchema = z.looseObject({
  model,
  input: z.union([z.string(), z.array(responseInputItemSchema)]).meta({
    description:
      'What the user says, or items: messages of text parts, `function_call`, `function_call_output`, `reasoning` and ' +
      '`item_reference`. For vision models, messages of the user and outputs of calls may hold `input_image` and ' +
      '`input_file`, see [Images and documents](#images-and-documents).',
  }),
  instructions: option(
    z.string(),
    'A system message before the conversation. The next response does not inherit it.',
  ),
  previous_response_id: option(
    z.string(),
    'Goes on from a stored response of the same API key, with all that was before it.',
  ),
  store: option(
    z.boolean(),
    'Keeps the response for `previous_response_id` and `GET /v1/responses/{id}`; `false` keeps nothing.',
    '`true`',
  ),
  stream: option(z.boolean(), 'Server-sent events, each named as its `type`.', '`false`'),
  tools: option(
    z.array(functionTool).max(128),
    'Functions that the model may call. Other types are refused.',
  ),
  tool_choice: option(
    toolChoice,
    '`none`, `auto`, `required`, one function, or `allowed_tools`: as if the others were not there.',
    '`auto`',
  ),
  parallel_tool_calls: option(z.boolean(), 'Whether one response may hold several calls.', '`true`'),
  text: option(
    z.looseObject({ format: textFormat.nullish() }),
    '`format` is `text`, `json_object` or `json_schema`; a schema is followed exactly, strict or not.',
    'text',
  ),
  reasoning: option(
    z.looseObject({
      effort: z.enum(['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max']).nullish(),
    }),
    '`effort` is as `reasoning_effort` of chat completions. `summary` is ignored: reasoning comes in full.',
  ),
  max_output_tokens: option(z.int().positive(), 'Most tokens of the response, those of reasoning included.'),
  include: option(
    z.array(z.enum(['message.output_text.logprobs', 'reasoning.encrypted_content'])),
    '`message.output_text.logprobs` adds log-probabilities. `reasoning.encrypted_content` is ignored: reasoning is in ' +
      'the clear, and is taken so.',
  ),
  top_logprobs: option(
    z.int().min(0).max(20),
    "So many alternatives beside each token's log-probability; more than 0 includes log-probabilities.",
    '0',
  ),
  temperature,
  top_p,
  metadata: option(metadata, 'Up to 16 labels with names of up to 64 characters, told back.'),
  prompt_cache_key: option(z.string().max(512), 'Told back. Alike prompts find what they share without it.'),
  user: option(z.string(), 'Told back.'),
  safety_identifier: option(z.string(), 'Told back.'),
  top_k,
  min_p,
  repetition_penalty,
  presence_penalty,
  frequency_penalty,
  logit_bias,
  seed,
  stop: option(
    generationOptions.stop.unwrap().unwrap(),
    'Extension. Texts that end the response; they are not part of it.',
    'none',
  ),
  chat_template_kwargs: option(
    z.record(z.string(), z.unknown()),
    "Extension. Variables of the model's chat template, for example `enable_thinking`.",
  ),
});
export type ResponsesRequest = z.infer<typeof responsesRequestSchema>;

/** See `UNSUPPORTED_CHAT_OPTIONS`. */
export const UNSUPPORTED_RESPONSES_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  background: [false],
  context_management: [[]],
  conversation: [],
  moderation: [],
  prompt: [],
  truncation: ['disabled'],
  ...UNSUPPORTED_FOREIGN_OPTIONS,
};

/** See `IGNORED_OPTIONS`. */
export const IGNORED_RESPONSES_OPTIONS: Readonly<Record<string, string>> = {
  max_tool_calls: 'Most calls of tools that the server runs; there are none.',
  prompt_cache_retention: 'How long a hosted cache keeps the prompt.',
  service_tier: 'The price of a hosted service.',
  stream_options: 'Noise that hides the length of events; there is none.',
};
