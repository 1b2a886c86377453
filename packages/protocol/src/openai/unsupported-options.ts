/**
 * Options that cannot be honoured, each with the values that ask for nothing and so pass; they are compared as JSON.
 * Any other value is refused with a 400 that names the option: an option that is silently dropped gives wrong answers.
 */
type UnsupportedOptions = Readonly<Record<string, readonly unknown[]>>;

/** Options of other servers that change what is generated. */
export const UNSUPPORTED_FOREIGN_OPTIONS: UnsupportedOptions = {
  adapters: [],
  grammar: [''],
  guided_choice: [],
  guided_grammar: [],
  guided_json: [],
  guided_regex: [],
  ignore_eos: [false],
  include_stop_str_in_output: [false],
  json_schema: [],
  min_tokens: [0],
  prompt_logprobs: [],
  stop_token_ids: [[]],
  structured_outputs: [],
  use_beam_search: [false],
};

export const UNSUPPORTED_CHAT_OPTIONS: UnsupportedOptions = {
  add_generation_prompt: [true],
  audio: [],
  continue_final_message: [false],
  function_call: ['none', 'auto'],
  functions: [[]],
  modalities: [['text']],
  web_search_options: [],
  ...UNSUPPORTED_FOREIGN_OPTIONS,
};

export const UNSUPPORTED_COMPLETION_OPTIONS: UnsupportedOptions = {
  suffix: [''],
  ...UNSUPPORTED_FOREIGN_OPTIONS,
};

/** What a refused option asks for, and what does the same where something does. */
export const UNSUPPORTED_NOTES: Readonly<Record<string, string>> = {
  adapters: 'A LoRA adapter. Name a model of the inventory that has it.',
  add_generation_prompt: 'A prompt without the head of the answer.',
  audio: 'A spoken answer.',
  continue_final_message: 'An answer that goes on with the last message.',
  function_call: 'The older form of tool_choice. Use tool_choice.',
  functions: 'The older form of tools. Use tools.',
  grammar: 'Text by a grammar. Use response_format, where JSON will do.',
  guided_choice: 'One of several texts. Use response_format with an enum.',
  guided_grammar: 'Text by a grammar. Use response_format, where JSON will do.',
  guided_json: 'JSON by a schema. Use response_format.',
  guided_regex: 'Text by a regular expression. Use response_format with a pattern.',
  ignore_eos: 'A completion that goes on behind its end.',
  include_stop_str_in_output: 'The stop text as a part of the completion. The choice has it as stop_reason.',
  json_schema: 'JSON by a schema. Use response_format.',
  min_tokens: 'The fewest tokens of a completion.',
  modalities: 'A spoken answer.',
  prompt_logprobs: 'Log-probabilities of the prompt.',
  stop_token_ids: 'Token ids that end a completion. Use stop.',
  structured_outputs: 'Text by a schema or a grammar. Use response_format.',
  suffix: 'A completion that fits in front of this text.',
  use_beam_search: 'Beam search.',
  web_search_options: 'A search before the answer.',
};
