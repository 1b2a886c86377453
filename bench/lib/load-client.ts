import http from 'node:http';

/** One streamed chat completion as its client saw it. */
interface StreamSample {
  /** From sending the request to the first content chunk, milliseconds; null when none came. */
  readonly firstTokenMs: number | null;
  readonly totalMs: number;
  /** Completion tokens as the server's usage tells. */
  readonly tokens: number;
  readonly error: string | null;
}

export interface LoadOptions {
  readonly port: number;
  readonly model: string;
  readonly clients: number;
  /** Requests that each client sends, one after the other. */
  readonly requestsPerClient: number;
  /** Completion tokens asked for; requests of unequal length make clients come and go at different times. */
  readonly maxTokens: (client: number, request: number) => number;
  /** One user message per request, so that no two prompts are the same. */
  readonly prompt: (client: number, request: number) => string;
}

export interface LoadResult {
  readonly samples: readonly StreamSample[];
  /** From the first request sent to the last byte received. */
  readonly wallMs: number;
}

/** Lets all clients stream their requests at the same time, each request over its own connection. */
export async function runLoad(options: LoadOptions): Promise<LoadResult> {
  const start = performance.now();
  const samples = await Promise.all(
    Array.from({ length: options.clients }, (_, client) => runClient(options, client)),
  );
  return { samples: samples.flat(), wallMs: performance.now() - start };
}

async function runClient(options: LoadOptions, client: number): Promise<StreamSample[]> {
  const samples: StreamSample[] = [];
  for (let request = 0; request < options.requestsPerClient; request += 1) {
    samples.push(await streamOnce(options, client, request));
  }
  return samples;
}

/**
 * The parsing is deliberately crude: the client shares the machine with the server that it measures, so it looks for
 * the first content and for the usage chunk only.
 */
function streamOnce(options: LoadOptions, client: number, index: number): Promise<StreamSample> {
  const body = JSON.stringify({
    model: options.model,
    messages: [{ role: 'user', content: options.prompt(client, index) }],
    max_tokens: options.maxTokens(client, index),
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  const { promise, resolve } = Promise.withResolvers<StreamSample>();
  const start = performance.now();
  let firstTokenMs: number | null = null;
  let tail = '';
  const finish = (error: string | null): void => {
    const tokens = /"completion_tokens":\s*(\d+)/.exec(tail)?.[1];
    const complete = tail.includes('[DONE]') && tokens !== undefined;
    resolve({
      firstTokenMs,
      totalMs: performance.now() - start,
      tokens: Number(tokens ?? 0),
      error: error ?? (complete ? null : 'stream ended early'),
    });
  };
  const request = http.request(
    {
      host: '127.0.0.1',
      port: options.port,
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
