import type { StepOutput } from '@mlxfleet/protocol';
import type { ApiError } from '../../api-error.ts';
import type { AnswerFormat } from './answer-format.ts';
import type { EventStream } from './event-stream.ts';
import type { AnswerSink, ClientGone, Finish, Summary } from './generation.ts';

export interface StreamedAnswerOptions {
  readonly stream: EventStream;
  readonly format: AnswerFormat;
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
}

/** Chunks of `/v1/chat/completions` and `/v1/completions`. */
export class StreamedAnswer implements AnswerSink {
  readonly #options: StreamedAnswerOptions;

  constructor(options: StreamedAnswerOptions) {
    this.#options = options;
  }

  started(index: number): void {
    const { format, stream } = this.#options;
    const opening = format.opening(index);
    if (opening === null) stream.begin();
    else stream.write(opening);
  }

  output(index: number, { text, tokens }: StepOutput): void {
    const { format, returnTokenIds, stream } = this.#options;
    stream.quieten();
    // A step may yield no text yet: half a character, or what could become a stop text.
    if (text === '' && !(returnTokenIds && tokens.length > 0)) return;
    stream.write(format.delta(index, text, returnTokenIds ? tokens : null));
  }

  finished(index: number, { reason }: Finish, last: Summary | null): void {
    const { format, includeUsage, stream } = this.#options;
    stream.write(format.closing(index, reason, includeUsage ? null : (last?.timings ?? null)));
  }

  done({ usage, timings }: Summary): void {
    const { format, includeUsage, stream } = this.#options;
    const figures = includeUsage ? format.usage(usage, timings) : '';
    stream.end(`${figures}data: [DONE]\n\n`);
  }

  failed(error: ApiError | ClientGone): void {
    this.#options.stream.fail(error, (failure) => `data: ${JSON.stringify(failure.toBody())}\n\n`);
  }
}
