import type { ResponseTimings, StepOutput } from '@mlxfleet/protocol';
import type { Finish, Summary } from '../../../answering/generation.ts';
import type { CollectedAnswer } from './whole-answer.ts';

/**
 * How an answer looks on the wire. Events are written by hand from prepared pieces: thousands of them leave the agent
 * each second, and only their text differs. An empty text stands for no event.
 */
export interface AnswerFormat {
  /** The whole answer as JSON. */
  whole(answer: CollectedAnswer): string;
  /** What announces a choice. */
  opening(index: number): string;
  /** What one decoding step gave a choice. */
  delta(index: number, output: StepOutput): string;
  /** `timings` only in the last chunk of a stream without a usage chunk. */
  closing(index: number, finish: Finish, timings: ResponseTimings | null): string;
  usage(summary: Summary): string;
}

export interface FormatOptions {
  readonly id: string;
  readonly model: string;
  /** Unix seconds. */
  readonly created: number;
  /** Choices of all prompts. */
  readonly choices: number;
  /** Every chunk says `"usage":null`, and a last one has the figures. */
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
}

/** What the chunks of one stream have in common. */
export interface ChunkFrame {
  /** Up to the index of the choice. */
  readonly start: string;
  /** From the end of the choice. */
  readonly end: string;
  /** The end of the last chunk of a choice. */
  readonly timings: (timings: ResponseTimings | null) => string;
  readonly usage: (summary: Summary) => string;
}

export function chunkFrame(object: string, options: FormatOptions): ChunkFrame {
  const { id, created, model, includeUsage } = options;
  const header = JSON.stringify({ id, object, created, model }).slice(0, -1);
  const usageField = includeUsage ? ',"usage":null' : '';
  return {
    start: `data: ${header},"choices":[{"index":`,
    end: `}]${usageField}}\n\n`,
    timings: (timings) =>
      timings === null ? `}]${usageField}}\n\n` : `}]${usageField},"timings":${JSON.stringify(timings)}}\n\n`,
    usage: ({ usage, timings }) =>
      `data: ${header},"choices":[],"usage":${JSON.stringify(usage)},"timings":${JSON.stringify(timings)}}\n\n`,
  };
}

/** Fields after the finish reason that only some chunks and choices have. */
export function tokenIdsField(tokens: readonly number[]): string {
  return `,"token_ids":[${tokens.join(',')}]`;
}

/** Extension named after vLLM's: the stop text that ended a choice. */
export function stopReasonField({ stop_text: text }: Finish): string {
  return text === null ? '' : `,"stop_reason":${JSON.stringify(text)}`;
}
