import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import type { StepOutput } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { AnswerFormat } from './answer-format.ts';
import { type AnswerSink, ClientGone, type Finish, type Summary } from './generation.ts';

export interface StreamedAnswerOptions {
  readonly response: ServerResponse;
  readonly format: AnswerFormat;
  readonly headers: OutgoingHttpHeaders;
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
  /** Milliseconds between comments while nothing else is sent, so that proxies keep the connection. */
  readonly heartbeatMs: number;
  /** Called once, right before the first byte: from here on the response is not fastify's. */
  readonly onBegin: () => void;
  /** Called when the client reads too slowly. */
  readonly onOverflow: (error: ApiError) => void;
}

/** Bytes that may wait for a client that does not read. */
const MOST_BUFFERED_BYTES = 4 * 1024 * 1024;

/**
 * Writes server-sent events straight to the response. Nothing is sent before the request has begun to run, so that a
 * request that is refused gets a status of its own; a long wait is bridged by comments, after which errors are events.
 */
export class StreamedAnswer implements AnswerSink {
  readonly #options: StreamedAnswerOptions;
  readonly #outcome = Promise.withResolvers<void>();
  #heartbeat: NodeJS.Timeout | null;
  #begun = false;
  #overflowed = false;

  constructor(options: StreamedAnswerOptions) {
    this.#options = options;
    this.#heartbeat = setInterval(() => {
      this.#write(': waiting\n\n');
    }, options.heartbeatMs);
  }

  /** Resolves when the stream has ended; rejects when it was refused before it began, or when its client is gone. */
  get outcome(): Promise<void> {
    return this.#outcome.promise;
  }

  started(index: number): void {
    const opening = this.#options.format.opening(index);
    if (opening === null) this.#begin();
    else this.#write(opening);
  }

  output(index: number, { text, tokens }: StepOutput): void {
    if (this.#heartbeat !== null) this.stop();
    const { format, returnTokenIds } = this.#options;
    // A step may yield no text yet: half a character, or what could become a stop text.
    if (text === '' && !(returnTokenIds && tokens.length > 0)) return;
    this.#write(format.delta(index, text, returnTokenIds ? tokens : null));
  }

  finished(index: number, { reason }: Finish, last: Summary | null): void {
    const { format, includeUsage } = this.#options;
    this.#write(format.closing(index, reason, includeUsage ? null : (last?.timings ?? null)));
  }

  done({ usage, timings }: Summary): void {
    const { format, includeUsage, response } = this.#options;
    const figures = includeUsage ? format.usage(usage, timings) : '';
    response.end(`${figures}data: [DONE]\n\n`);
    this.#outcome.resolve();
  }

  failed(error: ApiError | ClientGone): void {
    this.stop();
    if (!this.#begun || error instanceof ClientGone) {
      this.#outcome.reject(error);
      return;
    }
    const { response } = this.#options;
    if (this.#overflowed) response.destroy();
    else response.end(`data: ${JSON.stringify(error.toBody())}\n\n`);
    this.#outcome.resolve();
  }

  /** No more comments. */
  stop(): void {
    if (this.#heartbeat !== null) clearInterval(this.#heartbeat);
    this.#heartbeat = null;
  }

  #begin(): void {
    if (this.#begun) return;
    this.#begun = true;
    const { headers, onBegin, response } = this.#options;
    onBegin();
    response.writeHead(200, {
      ...headers,
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      // nginx would hold events back to fill its buffers.
      'x-accel-buffering': 'no',
    });
  }

  #write(text: string): void {
    this.#begin();
    const { onOverflow, response } = this.#options;
    response.write(text);
    if (response.writableLength <= MOST_BUFFERED_BYTES || this.#overflowed) return;
    this.#overflowed = true;
    onOverflow(new ApiError(API_ERRORS.CLIENT_TOO_SLOW, 'The client does not read the stream.'));
  }
}
