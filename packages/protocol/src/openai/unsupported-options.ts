/**
 * Options of OpenAI's API that this version cannot honour, each with the values that ask for nothing and so pass.
 * They are compared as JSON. Any other value is refused with a 400 that names the option: an option that is silently
 * dropped gives wrong answers.
 */
export const UNSUPPORTED_CHAT_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  audio: [],
  function_call: ['none', 'auto'],
  functions: [[]],
  logprobs: [false],
  modalities: [['text']],
  parallel_tool_calls: [true, false],
  prediction: [],
  reasoning_effort: [],
  response_format: [{ type: 'text' }],
  tool_choice: ['none', 'auto'],
  tools: [[]],
  top_logprobs: [0],
  web_search_options: [],
};

export const UNSUPPORTED_COMPLETION_OPTIONS: Readonly<Record<string, readonly unknown[]>> = {
  best_of: [1],
  echo: [false],
  logprobs: [false],
  suffix: [''],
};
