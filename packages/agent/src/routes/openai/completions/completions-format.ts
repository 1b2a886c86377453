import type { StepOutput } from '@mlxfleet/protocol';
import {
  type AnswerFormat,
  chunkFrame,
  type FormatOptions,
  stopReasonField,
  tokenIdsField,
} from '../choices/answer-format.ts';
import type { CollectedChoice } from '../choices/whole-answer.ts';
import { type LegacyLogprobs, legacyLogprobs } from './completions-logprobs.ts';

export interface CompletionFormatOptions extends FormatOptions {
  /** How many alternatives the client asked for; null for no log-probabilities. */
  readonly logprobs: number | null;
  /** Text that each choice begins with, by its index; null without `echo`. */
  readonly echoes: readonly string[] | null;
}

/** Objects of `/v1/completions`. */
export function completionFormat(options: CompletionFormatOptions): AnswerFormat {
  const { returnTokenIds, logprobs: alternatives, echoes } = options;
  const { start, end, timings: endWithTimings, usage } = chunkFrame('text_completion', options);
  const starts = Array.from({ length: options.choices }, (_, index) => `${start}${String(index)},"text":`);
  const plainEnd = `,"logprobs":null,"finish_reason":null${end}`;
  const offsets = alternatives === null ? [] : starts.map(() => legacyLogprobs(alternatives));

  /** An output of a request that asked for more than text. */
  const rest = (index: number, { text, tokens, logprobs = [] }: StepOutput): string => {
    const withIds = returnTokenIds && tokens.length > 0;
    if (text === '' && !withIds && logprobs.length === 0) return '';
    const entries: LegacyLogprobs | null =
      logprobs.length === 0 ? null : (offsets[index]?.(logprobs) ?? null);
    return `${starts[index] ?? ''}${JSON.stringify(text)},"logprobs":${JSON.stringify(entries)},"finish_reason":null${withIds ? tokenIdsField(tokens) : ''}${end}`;
  };

  return {
    whole: ({ choices, usage: figures, timings }) =>
      JSON.stringify({
        id: options.id,
        created: options.created,
        model: options.model,
        object: 'text_completion',
        choices: choices.map((choice, index) => wholeChoice(choice, index, options)),
        usage: figures,
        timings,
      }),
    opening: (index) => {
      const echo = echoes?.[index] ?? '';
      return echo === '' ? '' : `${starts[index] ?? ''}${JSON.stringify(echo)}${plainEnd}`;
    },
    delta: (index, output) => {
      if (output.logprobs !== undefined || returnTokenIds) return rest(index, output);
      return output.text === '' ? '' : `${starts[index] ?? ''}${JSON.stringify(output.text)}${plainEnd}`;
    },
    closing: (index, finish, timings) =>
      `${starts[index] ?? ''}"","logprobs":null,"finish_reason":"${finish.reason}"${stopReasonField(finish)}${endWithTimings(timings)}`,
    usage,
  };
}

function wholeChoice(choice: CollectedChoice, index: number, options: CompletionFormatOptions): object {
  const { text, finish, tokens, logprobs } = choice;
  return {
    index,
    text: (options.echoes?.[index] ?? '') + text,
    logprobs: options.logprobs === null ? null : legacyLogprobs(options.logprobs)(logprobs),
    finish_reason: finish.reason,
    ...(finish.stop_text === null ? {} : { stop_reason: finish.stop_text }),
    ...(options.returnTokenIds ? { token_ids: tokens } : {}),
  };
}
