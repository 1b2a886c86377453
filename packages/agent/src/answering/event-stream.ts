import type { OutgoingHttpHeaders, ServerResponse } from 'node:http';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { ClientGone } from './client-gone.ts';

export interface EventStreamOptions {
  readonly response: ServerResponse;
  readonly headers: OutgoingHttpHeaders;
  /** Milliseconds without a byte after which a heartbeat is sent, so that proxies keep the connection. */
  readonly heartbeatMs: number;
  /** An event, or a comment, that says nothing. */
  readonly heartbeat: string;
  /** Called once, right before the first byte: from here on the response is not fastify's. */
  readonly onBegin: () => void;
  /** Called when the client reads too slowly. */
  readonly onOverflow: (error: ApiError) => void;
}

/** Bytes that may wait for a client that does not read. */
const MOST_BUFFERED_BYTES = 4 * 1024 * 1024;

/**
 * Server-sent events of one answer, written straight to the response. Nothing is sent before there is something to tell,
 * so that a request that fails until then gets a status of its own; a long silence, also between outputs, is bridged by
 * heartbeats, after which errors are events. Events of one tick are one write: a frame of the worker may bring several,
 * and each write costs more than the event.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #outcome = Promise.withResolvers<void>();
  /** Null when the stream is over. */
  #heartbeat: NodeJS.Timeout | null;
  #begun = false;
  /** Events that the end of this tick writes; null when none wait. */
  #pending: string | null = null;
  #overflowed = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
    // Each write puts it off.
    this.#heartbeat = setTimeout(() => {
      this.write(options.heartbeat);
    }, options.heartbeatMs);
  }

  /** Resolves when the stream has ended; rejects when it was refused before it began, or when its client is gone. */
  get outcome(): Promise<void> {
    return this.#outcome.promise;
  }

  /** Sends the head of the response, where that has not been done. */
  begin(): void {
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

  /** @param text whole events, each with its empty line. */
  write(text: string): void {
    this.begin();
    this.#heartbeat?.refresh();
    if (this.#pending === null) {
      process.nextTick(() => {
        this.#flush();
      });
    }
    this.#pending = (this.#pending ?? '') + text;
  }

  /** The last events. */
  end(text: string): void {
    this.quieten();
    this.begin();
    this.#options.response.end(this.#takePending() + text);
    this.#outcome.resolve();
  }

  /** @param events the last events of a stream that has begun and whose client still reads. */
  fail(error: ApiError | ClientGone, events: (error: ApiError) => string): void {
    this.quieten();
    if (!this.#begun || error instanceof ClientGone) {
      this.#outcome.reject(error);
      return;
    }
    const { response } = this.#options;
    if (this.#overflowed) response.destroy();
    else response.end(this.#takePending() + events(error));
    this.#outcome.resolve();
  }

  /** No more heartbeats. */
  quieten(): void {
    if (this.#heartbeat !== null) clearTimeout(this.#heartbeat);
    this.#heartbeat = null;
  }

  #flush(): void {
    const text = this.#takePending();
    if (text === '') return;
    const { onOverflow, response } = this.#options;
    response.write(text);
    if (response.writableLength <= MOST_BUFFERED_BYTES || this.#overflowed) return;
    this.#overflowed = true;
    onOverflow(new ApiError(API_ERRORS.CLIENT_TOO_SLOW, 'The client does not read the stream.'));
  }

  #takePending(): string {
    const text = this.#pending ?? '';
    this.#pending = null;
    return text;
  }
}
