import type { MessageContent } from './message-content.ts';
import { type StreamSample, streamChat } from './stream-client.ts';

export interface LoadOptions {
  readonly port: number;
  readonly model: string;
  readonly clients: number;
  /** Requests that each client sends, one after the other. */
  readonly requestsPerClient: number;
  /** Completion tokens asked for; requests of unequal length make clients come and go at different times. */
  readonly maxTokens: (client: number, request: number) => number;
  /** The user message of each request. */
  readonly prompt: (client: number, request: number) => MessageContent;
  /** Further fields of each body. */
  readonly options?: Readonly<Record<string, unknown>>;
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
    Array.from({ length: options.clients }, async (_, client) => await runClient(options, client)),
  );
  return { samples: samples.flat(), wallMs: performance.now() - start };
}

async function runClient(options: LoadOptions, client: number): Promise<StreamSample[]> {
  const samples: StreamSample[] = [];
  for (let request = 0; request < options.requestsPerClient; request += 1) {
    samples.push(
      await streamChat({
        port: options.port,
        model: options.model,
        messages: [{ role: 'user', content: options.prompt(client, request) }],
        maxTokens: options.maxTokens(client, request),
        ...(options.options === undefined ? {} : { options: options.options }),
      }),
    );
  }
  return samples;
}
