import { z } from 'zod';
import { chatRequestSchema } from './chat.ts';
import { modelField } from './model-field.ts';
import { option } from './option.ts';
import { tokensSchema } from './texts-or-tokens.ts';

/** One answer of a worker holds no more either: MOST_TOKENS in its tokenizing.py. */
const MOST_TOKENS = 1_000_000;

const { messages, tools, chat_template_kwargs, enable_thinking, reasoning_effort } = chatRequestSchema.shape;

/** `POST /v1/tokenize`: the tokens of a text, or of the prompt that a chat request makes. */
export const tokenizeRequestSchema = z.looseObject({
  model: modelField(),
  input: option(
    z.string(),
    'The text, of up to a million tokens and four million characters. Either this or `messages`.',
  ),
  messages: option(
    messages,
    'Extension. The messages of a chat request, to be counted with everything around them.',
  ),
  add_special_tokens: option(
    z.boolean(),
    'Extension. Whether the tokens that the model puts around a prompt, such as a beginning of the text, count too. About ' +
      "`input`; what stands around `messages` is for the model's template to say, and `true` is refused.",
    '`true` with `input`',
  ),
  tools,
  chat_template_kwargs,
  enable_thinking,
  reasoning_effort,
});
export type TokenizeRequest = z.infer<typeof tokenizeRequestSchema>;

/** Options of other servers that change the tokens. */
export const UNSUPPORTED_TOKENIZE_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  add_generation_prompt: [true],
};

export const tokenizationSchema = z.object({
  tokens: z.array(z.int().min(0)),
  count: z.int().min(0),
});
export type Tokenization = z.infer<typeof tokenizationSchema>;

/** `POST /v1/detokenize`: the text of tokens. */
export const detokenizeRequestSchema = z.looseObject({
  model: modelField(),
  tokens: tokensSchema
    .refine((tokens) => tokens.length <= MOST_TOKENS, `must hold at most ${String(MOST_TOKENS)} tokens`)
    .meta({
      description:
        'Token ids, up to a million. Special tokens come as they are written, and bytes that are no character as U+FFFD. Their text has up to a million characters.',
    }),
});

export const detokenizationSchema = z.object({ text: z.string() });
export type Detokenization = z.infer<typeof detokenizationSchema>;
