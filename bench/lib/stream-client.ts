import http from 'node:http';
import type { MessageContent } from './message-content.ts';

/** One streamed chat completion as its client saw it. Times in milliseconds since the request was sent. */
export interface StreamSample {
  /** Arrival of the first content; null when none came. */
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
  /** Arrival of each piece that the network delivered, where asked for. */
  readonly chunkMs: readonly number[];
  /** Figures of the server's usage chunk. */
  readonly tokens: number;
  readonly promptTokens: number;
  readonly cachedTokens: number;
  /** What our own server tells of the worker's share; null of servers that tell nothing. */
  readonly workerMs: number | null;
  readonly error: string | null;
}

export interface StreamRequest {
  readonly port: number;
  readonly model: string;
  readonly messages: ReadonlyArray<{ readonly role: string; readonly content: MessageContent }>;
  readonly maxTokens: number;
  /** Further fields of the body. */
  readonly options?: Readonly<Record<string, unknown>>;
  readonly recordChunks?: boolean;
}

/**
 * Streams one completion over a connection of its own. The parsing is deliberately crude: the client shares the machine
 * with the server that it measures, so it looks for the first content and for the usage chunk only.
 */
export function streamChat(wanted: StreamRequest): Promise<StreamSample> {
  const body = JSON.stringify({
    model: wanted.model,
    messages: wanted.messages,
    max_tokens: wanted.maxTokens,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
    ...wanted.options,
  });
  const { promise, resolve } = Promise.withResolvers<StreamSample>();
  const start = performance.now();
  const chunkMs: number[] = [];
  let firstTokenMs: number | null = null;
  let tail = '';
  const finish = (error: string | null): void => {
    const complete = tail.includes('[DONE]') && tail.includes('"completion_tokens"');
    resolve({
      firstTokenMs,
      totalMs: performance.now() - start,
      chunkMs,
      tokens: figure(tail, 'completion_tokens') ?? 0,
      promptTokens: figure(tail, 'prompt_tokens') ?? 0,
      cachedTokens: figure(tail, 'cached_tokens') ?? 0,
      workerMs: workerMs(tail),
      error: error ?? (complete ? null : 'stream ended early'),
    });
  };
  const request = http.request(
    {
      host: '127.0.0.1',
      port: wanted.port,
      path: '/v1/chat/completions',
      method: 'POST',
      agent: false,
      headers: { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) },
    },
    (response) => {
      response.setEncoding('latin1');
      response.on('data', (text: string) => {
        if (firstTokenMs === null && /"content":\s*"[^"]/.test(text))
          firstTokenMs = performance.now() - start;
        if (wanted.recordChunks === true) chunkMs.push(performance.now() - start);
        tail = (tail + text).slice(-4096);
      });
      response.on('end', () => {
        finish(response.statusCode === 200 ? null : `status ${String(response.statusCode)}`);
      });
      response.on('error', (error) => {
        finish(error.message);
      });
    },
  );
  request.on('error', (error) => {
    finish(error.message);
  });
  request.end(body);
  return promise;
}

function figure(text: string, name: string): number | null {
  const match = new RegExp(`"${name}":\\s*([\\d.e-]+)`).exec(text)?.[1];
  return match === undefined ? null : Number(match);
}

function workerMs(text: string): number | null {
  const prefill = figure(text, 'prefill_seconds');
  const decode = figure(text, 'decode_seconds');
  return prefill === null || decode === null ? null : (prefill + decode) * 1000;
}
