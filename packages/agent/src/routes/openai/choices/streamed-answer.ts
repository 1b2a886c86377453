import type { StepOutput } from '@mlxfleet/protocol';
import type { ClientGone } from '../../../answering/client-gone.ts';
import type { EventStream } from '../../../answering/event-stream.ts';
import type { AnswerSink, Finish, Summary } from '../../../answering/generation.ts';
import type { ApiError } from '../../../api-error.ts';
import type { AnswerFormat } from './answer-format.ts';

/** Sends the chunks of chat and plain completions as they come. */
export class StreamedAnswer implements AnswerSink {
  readonly #stream: EventStream;
  readonly #format: AnswerFormat;
  readonly #includeUsage: boolean;

  constructor(stream: EventStream, format: AnswerFormat, includeUsage: boolean) {
    this.#stream = stream;
    this.#format = format;
    this.#includeUsage = includeUsage;
  }

  started(index: number): void {
    const opening = this.#format.opening(index);
    if (opening === '') this.#stream.begin();
    else this.#stream.write(opening);
  }

  output(index: number, output: StepOutput): void {
    const events = this.#format.delta(index, output);
    if (events !== '') this.#stream.write(events);
  }

  finished(index: number, finish: Finish, last: Summary | null): void {
    const timings = this.#includeUsage ? null : (last?.timings ?? null);
    this.#stream.write(this.#format.closing(index, finish, timings));
  }

  done(summary: Summary): void {
    const figures = this.#includeUsage ? this.#format.usage(summary) : '';
    this.#stream.end(`${figures}data: [DONE]\n\n`);
  }

  failed(error: ApiError | ClientGone): void {
    this.#stream.fail(error, (told) => `data: ${JSON.stringify(told.toBody())}\n\n`);
  }
}
