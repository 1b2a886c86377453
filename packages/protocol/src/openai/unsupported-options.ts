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

/** What a refused option asks for, to go on after "it asks for", and what does the same where something does. */
export const UNSUPPORTED_NOTES: Readonly<Record<string, string>> = {
  add_special_tokens: "a text without the model's special tokens, or with more of them",
  adapters: 'a LoRA adapter; name a model of the inventory that has it',
  add_generation_prompt: 'a prompt without the head of the answer',
  audio: 'a spoken answer',
  background: 'a response that is made while nobody waits',
  container: 'a machine in which the model runs code',
  context_management: 'a conversation that is shortened on the way',
  continue_final_message: 'an answer that goes on with the last message',
  conversation: 'a conversation kept by the server; use previous_response_id',
  function_call: 'the older form of tool_choice; use tool_choice',
  functions: 'the older form of tools; use tools',
  grammar: 'text by a grammar; use response_format, or text.format, where JSON will do',
  guided_choice: 'one of several texts; use response_format, or text.format, with an enum',
  guided_grammar: 'text by a grammar; use response_format, or text.format, where JSON will do',
  guided_json: 'JSON by a schema; use response_format, or text.format',
  guided_regex: 'text by a regular expression; use response_format, or text.format, with a pattern',
  ignore_eos: 'a completion that goes on behind its end',
  include_stop_str_in_output: 'the stop text as a part of the completion; the choice has it as stop_reason',
  input_type: 'a prefix for queries or for documents; put it in front of the input',
  instruction: 'a prefix of the input; put it in front of the input',
  json_schema: 'JSON by a schema; use response_format, or text.format',
  mcp_servers: 'tools that the server calls; call them and send what they give',
  min_tokens: 'a least number of tokens',
  modalities: 'a spoken answer',
  normalize: 'vectors that do not have length 1',
  output_dtype: 'quantized vectors',
  moderation: 'a judgement of what is said',
  prompt: 'a prompt kept by the server; send it as instructions and input',
  prompt_logprobs: 'log-probabilities of the prompt',
  prompt_name: 'a prefix of the input; put it in front of the input',
  stop_token_ids: 'token ids that end a completion; use stop',
  structured_outputs: 'text by a schema or a grammar; use response_format, or text.format',
  suffix: 'a completion that fits in front of this text',
  truncate: 'inputs cut to what the model takes; cut them yourself',
  truncate_prompt_tokens: 'inputs cut to what the model takes; cut them yourself',
  truncation: 'a conversation that is cut to fit; send less of it',
  use_beam_search: 'beam search',
  web_search_options: 'a search before the answer',
};
