import { z } from 'zod';
import { modelField } from '../openai/model-field.ts';
import { option } from '../openai/option.ts';
import { anthropicMessageParamSchema, givenTextBlock } from './content.ts';

const tool = z.looseObject({
  /** Tools of any other type run on Anthropic's servers, or need a model that was trained for them. */
  type: z.literal('custom').nullish(),
  name: z.string().regex(/^[a-zA-Z0-9_-]{1,128}$/, 'must be 1 to 128 letters, digits, dashes or underscores'),
  description: z.string().nullish(),
  /** JSON schema of the input. */
  input_schema: z.record(z.string(), z.unknown()),
  /** Whether the input follows the schema also where the model is free to call or not. */
  strict: z.boolean().nullish(),
});

const serial = { disable_parallel_tool_use: z.boolean().nullish() };

const toolChoice = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('auto'), ...serial }),
  z.looseObject({ type: z.literal('any'), ...serial }),
  z.looseObject({ type: z.literal('tool'), name: z.string(), ...serial }),
  z.looseObject({ type: z.literal('none') }),
]);

const display = z.enum(['summarized', 'omitted']).nullish();

const thinking = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('enabled'), budget_tokens: z.int().positive(), display }),
  z.looseObject({ type: z.literal('adaptive'), display }),
  z.looseObject({ type: z.literal('disabled') }),
]);
export type AnthropicThinking = z.infer<typeof thinking>;

/** What a prompt is made of: all of a request to count tokens. */
const prompt = {
  model: modelField(),
  messages: z
    .array(anthropicMessageParamSchema)
    .min(1)
    .meta({
      description:
        'Texts, `tool_use`, `tool_result` and `thinking` blocks; the last one is not of the assistant. For vision models, ' +
        '`image` and `document` blocks of the user and in `tool_result`, see [Images and documents](#images-and-documents). ' +
        'Blocks of server tools are refused.',
    }),
  system: option(z.union([z.string(), z.array(givenTextBlock)]), 'A system message before the conversation.'),
  tools: option(
    z.array(tool).max(128),
    "Tools that the client runs, with their `input_schema`. Tools of Anthropic's servers are refused.",
  ),
  tool_choice: option(
    toolChoice,
    '`auto`, `any`, `tool` or `none`; `disable_parallel_tool_use` keeps an answer to one call.',
    '`auto`',
  ),
  thinking: option(
    thinking,
    '`enabled` and `adaptive` let a model that can reason do so, and put it in front of the answer; `display: ' +
      '"omitted"` leaves its text out. `enabled` requires `budget_tokens`, a whole number above 0: it is the template ' +
      'variable `thinking_budget`, which few models know.',
    '`disabled`',
  ),
  output_config: option(
    z.looseObject({
      effort: z.enum(['low', 'medium', 'high', 'xhigh', 'max']).nullish(),
      format: z
        .looseObject({ type: z.literal('json_schema'), schema: z.record(z.string(), z.unknown()) })
        .nullish(),
    }),
    '`effort` is the template variable `reasoning_effort`; the text follows the JSON schema of `format`.',
  ),
  chat_template_kwargs: option(
    z.record(z.string(), z.unknown()),
    "Extension. Variables of the model's chat template; they go before those that other options set.",
  ),
} as const;

/** `POST /v1/messages/count_tokens`. */
export const countTokensRequestSchema = z.looseObject(prompt);
export type CountTokensRequest = z.infer<typeof countTokensRequestSchema>;

/**
 * `POST /v1/messages`, Anthropic's Messages API. Fields outside this list are accepted and left alone; those that ask for
 * something that cannot be honoured are refused by name (see `UNSUPPORTED_MESSAGES_OPTIONS`).
 */
export const messagesRequestSchema = z.looseObject({
  ...prompt,
  max_tokens: z
    .int()
    .positive()
    .meta({ description: 'Most tokens of the answer, those of thinking included.' }),
  stream: option(z.boolean(), 'Server-sent events, each named as its `type`.', '`false`'),
  stop_sequences: option(
    z.array(z.string().min(1)).max(16),
    'Texts that end the answer; `stop_sequence` of the message says which one it was.',
  ),
  temperature: option(z.number().min(0).max(1), '0 is greedy: always the most likely token.', '1'),
  top_p: option(
    z.number().gt(0).max(1),
    'Draws from the most likely tokens that together have this probability.',
    '1',
  ),
  top_k: option(z.int().min(0), 'Draws from so many of the most likely tokens; 0 keeps all.', '0'),
});
export type MessagesRequest = z.infer<typeof messagesRequestSchema>;

/** Options that cannot be honoured, each with the values that ask for nothing and so pass. */
export const UNSUPPORTED_MESSAGES_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  container: [],
  mcp_servers: [[]],
};

/** Options that change nothing here, each with what it is for. */
export const IGNORED_MESSAGES_OPTIONS: Readonly<Record<string, string>> = {
  cache_control: 'What a hosted cache keeps, here and in blocks and tools; prompts are cached by themselves.',
  context_management: 'What a hosted service leaves out of long conversations.',
  inference_geo: 'Where a hosted service computes.',
  metadata: 'Tells a hosted service its users apart.',
  service_tier: 'The price of a hosted service.',
  speed: 'The price of a hosted service.',
};
