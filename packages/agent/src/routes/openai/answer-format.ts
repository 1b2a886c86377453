import type { FinishReason, ResponseTimings, Usage } from '@mlxfleet/protocol';

/** One finished choice. */
interface FinishedChoice {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly reason: FinishReason;
}

/** What every object of one answer carries. */
interface AnswerHeader {
  readonly id: string;
  /** Unix seconds. */
  readonly created: number;
  readonly model: string;
}

/**
 * How an answer looks on the wire. Chunks are written by hand from prepared pieces: thousands of them leave the agent
 * each second, and only their text differs.
 */
export interface AnswerFormat {
  /** The whole answer as JSON. */
  whole(choices: readonly FinishedChoice[], usage: Usage, timings: ResponseTimings): string;
  /** What announces a choice; null when the format has no such chunk. */
  opening(index: number): string | null;
  /** `tokens` is null unless the client asked for token ids. */
  delta(index: number, text: string, tokens: readonly number[] | null): string;
  /** `timings` only in the last chunk of a stream without a usage chunk. */
  closing(index: number, reason: FinishReason, timings: ResponseTimings | null): string;
  usage(usage: Usage, timings: ResponseTimings): string;
}

export interface FormatOptions {
  readonly header: AnswerHeader;
  /** Every chunk says `"usage":null`, and a last one has the figures. */
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
}

function headerText(object: string, header: AnswerHeader): string {
  const { id, created, model } = header;
  return JSON.stringify({ id, object, created, model }).slice(0, -1);
}

function event(json: string): string {
  return `data: ${json}\n\n`;
}

function tokenIds(tokens: readonly number[] | null): string {
  return tokens === null ? '' : `,"token_ids":[${tokens.join(',')}]`;
}

/** Objects of `/v1/chat/completions`. */
export function chatFormat(options: FormatOptions): AnswerFormat {
  const start = `data: ${headerText('chat.completion.chunk', options.header)},"choices":[`;
  const end = options.includeUsage ? '],"usage":null' : ']';
  return {
    whole: (choices, usage, timings) =>
      JSON.stringify({
        ...options.header,
        object: 'chat.completion',
        choices: choices.map(({ text, tokens, reason }, index) => ({
          index,
          message: { role: 'assistant', content: text, refusal: null },
          logprobs: null,
          finish_reason: reason,
          ...(options.returnTokenIds ? { token_ids: tokens } : {}),
        })),
        usage,
        timings,
      }),
    opening: (index) =>
      `${start}{"index":${String(index)},"delta":{"role":"assistant","content":""},"logprobs":null,"finish_reason":null}${end}}\n\n`,
    delta: (index, text, tokens) =>
      `${start}{"index":${String(index)},"delta":{"content":${JSON.stringify(text)}},"logprobs":null,"finish_reason":null${tokenIds(tokens)}}${end}}\n\n`,
    closing: (index, reason, timings) =>
      `${start}{"index":${String(index)},"delta":{},"logprobs":null,"finish_reason":"${reason}"}${end}${timings === null ? '' : `,"timings":${JSON.stringify(timings)}`}}\n\n`,
    usage: (usage, timings) =>
      event(
        JSON.stringify({ ...options.header, object: 'chat.completion.chunk', choices: [], usage, timings }),
      ),
  };
}

/** Objects of `/v1/completions`. */
export function completionFormat(options: FormatOptions): AnswerFormat {
  const start = `data: ${headerText('text_completion', options.header)},"choices":[`;
  const end = options.includeUsage ? '],"usage":null' : ']';
  return {
    whole: (choices, usage, timings) =>
      JSON.stringify({
        ...options.header,
        object: 'text_completion',
        choices: choices.map(({ text, tokens, reason }, index) => ({
          index,
          text,
          logprobs: null,
          finish_reason: reason,
          ...(options.returnTokenIds ? { token_ids: tokens } : {}),
        })),
        usage,
        timings,
      }),
    opening: () => null,
    delta: (index, text, tokens) =>
      `${start}{"index":${String(index)},"text":${JSON.stringify(text)},"logprobs":null,"finish_reason":null${tokenIds(tokens)}}${end}}\n\n`,
    closing: (index, reason, timings) =>
      `${start}{"index":${String(index)},"text":"","logprobs":null,"finish_reason":"${reason}"}${end}${timings === null ? '' : `,"timings":${JSON.stringify(timings)}`}}\n\n`,
    usage: (usage, timings) =>
      event(JSON.stringify({ ...options.header, object: 'text_completion', choices: [], usage, timings })),
  };
}
