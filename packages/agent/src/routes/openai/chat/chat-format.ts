import type { ChoiceLogprob, StepOutput, ToolCallDelta } from '@mlxfleet/protocol';
import {
  type AnswerFormat,
  chunkFrame,
  type FormatOptions,
  stopReasonField,
  tokenIdsField,
} from '../choices/answer-format.ts';
import type { CollectedChoice } from '../choices/whole-answer.ts';

export interface ChatFormatOptions extends FormatOptions {
  /** Whether the client asked for them: an answer without any then says so by an empty list. */
  readonly logprobs: boolean;
}

/** From the delta to the end of the choice, where there are no log-probabilities. */
const PLAIN = ',"logprobs":null,"finish_reason":null';

/** Objects of `/v1/chat/completions`. */
export function chatFormat(options: ChatFormatOptions): AnswerFormat {
  const { returnTokenIds } = options;
  const { start, end, timings: endWithTimings, usage } = chunkFrame('chat.completion.chunk', options);
  const starts = Array.from({ length: options.choices }, (_, index) => `${start}${String(index)},"delta":{`);
  const contentStarts = starts.map((each) => `${each}"content":`);
  const contentEnd = `}${PLAIN}${end}`;

  /** All of one output that is not a plain text alone. A client sees reasoning before text, and text before calls. */
  const rest = (index: number, output: StepOutput): string => {
    const { text, reasoning = '', tool_calls: calls = [], logprobs = [], tokens } = output;
    const withIds = returnTokenIds && tokens.length > 0;
    const fields = reasoning === '' ? [] : [`"reasoning_content":${JSON.stringify(reasoning)}`];
    const isBare = fields.length === 0 && calls.length === 0;
    if (text !== '' || logprobs.length > 0 || (withIds && isBare)) {
      fields.push(`"content":${JSON.stringify(text)}`);
    }
    const deltas = fields.length === 0 ? [] : [fields.join(',')];
    for (const call of calls) deltas.push(...callDeltas(call));
    return deltas
      .map((delta, place) => {
        const isFirst = place === 0;
        const entries =
          isFirst && logprobs.length > 0
            ? `},"logprobs":${logprobsObject(logprobs)},"finish_reason":null`
            : `}${PLAIN}`;
        return `${starts[index] ?? ''}${delta}${entries}${isFirst && withIds ? tokenIdsField(tokens) : ''}${end}`;
      })
      .join('');
  };

  return {
    whole: ({ choices, usage: figures, timings }) =>
      JSON.stringify({
        id: options.id,
        created: options.created,
        model: options.model,
        object: 'chat.completion',
        choices: choices.map((choice, index) => wholeChoice(choice, index, options)),
        usage: figures,
        timings,
      }),
    opening: (index) => `${starts[index] ?? ''}"role":"assistant","content":""${contentEnd}`,
    delta: (index, output) => {
      const isPlain =
        output.tool_calls === undefined && output.reasoning === undefined && output.logprobs === undefined;
      if (!isPlain || returnTokenIds) return rest(index, output);
      // A step may yield no text yet: half a character, or what could become a stop text.
      if (output.text === '') return '';
      return `${contentStarts[index] ?? ''}${JSON.stringify(output.text)}${contentEnd}`;
    },
    closing: (index, finish, timings) =>
      `${starts[index] ?? ''}},"logprobs":null,"finish_reason":"${finish.reason}"${stopReasonField(finish)}${endWithTimings(timings)}`,
    usage,
  };
}

function logprobsObject(entries: readonly ChoiceLogprob[]): string {
  return `{"content":${JSON.stringify(entries)},"refusal":null}`;
}

/** OpenAI announces a call by its id and name with empty arguments; the arguments follow in pieces. */
function callDeltas({ index, id, name, arguments: text }: ToolCallDelta): string[] {
  const place = `"tool_calls":[{"index":${String(index)}`;
  const opening =
    name === undefined
      ? []
      : [
          `${place},"id":${JSON.stringify(id ?? '')},"type":"function","function":{"name":${JSON.stringify(name)},"arguments":""}}]`,
        ];
  if (text === '') return opening;
  return [...opening, `${place},"function":{"arguments":${JSON.stringify(text)}}}]`];
}

function wholeChoice(choice: CollectedChoice, index: number, options: ChatFormatOptions): object {
  const { text, reasoning, toolCalls, finish } = choice;
  const calls = toolCalls.map(({ id, name, arguments: args }) => ({
    id,
    type: 'function',
    function: { name, arguments: args },
  }));
  return {
    index,
    message: {
      role: 'assistant',
      content: text === '' && calls.length > 0 ? null : text,
      refusal: null,
      ...(reasoning === '' ? {} : { reasoning_content: reasoning }),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    },
    logprobs: options.logprobs ? { content: choice.logprobs, refusal: null } : null,
    finish_reason: finish.reason,
    ...(finish.stop_text === null ? {} : { stop_reason: finish.stop_text }),
    ...(options.returnTokenIds ? { token_ids: choice.tokens } : {}),
  };
}
