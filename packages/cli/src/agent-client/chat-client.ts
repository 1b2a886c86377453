import {
  type ChatCompletionChunk,
  chatCompletionChunkSchema,
  CodedError,
  type Model,
  modelListSchema,
  openAiErrorSchema,
} from '@mlxfleet/protocol';
import type { Client } from 'undici';
import { ERRORS } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { answerError, type FileAt } from './answer-error.ts';
import { clientOver, exchangeError } from './host-connection.ts';
import type { MessagePart } from './message-parts.ts';
import { serverSentEvents } from './server-sent-events.ts';

export interface ChatTurn {
  readonly role: 'system' | 'user' | 'assistant';
  readonly content: string | readonly MessagePart[];
}

export interface ChatQuestion {
  readonly model: string;
  readonly messages: readonly ChatTurn[];
  readonly max_tokens?: number;
  readonly temperature?: number;
}

export interface ChatClientOptions {
  /** Port of the OpenAI API on the host's loopback. */
  readonly port: number;
  /** Content of the host's `shared/admin-token`; it stands in for an API key. */
  readonly adminToken: string | null;
}

/** Chat completions of the agent on one host, over its loopback. */
export class ChatClient implements AsyncDisposable {
  readonly #host: string;
  readonly #client: Client;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(host: Host, options: ChatClientOptions) {
    this.#host = host.name;
    this.#headers = {
      'content-type': 'application/json',
      ...(options.adminToken === null ? {} : { 'x-admin-token': options.adminToken }),
    };
    this.#client = clientOver(host.name, async () => host.openLoopbackPort(options.port));
  }

  /** What the host has; nothing where the agent does not tell in a way that is understood. Rejects as `stream` does. */
  async models(signal: AbortSignal): Promise<readonly Model[]> {
    try {
      const { body } = await this.#client.request({
        method: 'GET',
        path: '/v1/models',
        headers: this.#headers,
        signal,
      });
      return modelListSchema.safeParse(await body.json().catch(() => null)).data?.data ?? [];
    } catch (error) {
      throw exchangeError(this.#host, error, signal);
    }
  }

  /**
   * Streams the chunks of one answer. Leaving the loop, or the signal, ends the generation on the host. Rejects with
   * AGENT_NOT_RUNNING, AGENT_REFUSED or AGENT_ANSWER_BROKEN, or with the host's own error. `fileAt` knows the names of files
   * that the question shows.
   */
  async *stream(
    question: ChatQuestion,
    signal: AbortSignal,
    fileAt?: FileAt,
  ): AsyncGenerator<ChatCompletionChunk> {
    try {
      yield* this.#exchange(question, signal, fileAt);
    } catch (error) {
      throw exchangeError(this.#host, error, signal);
    }
  }

  async *#exchange(
    question: ChatQuestion,
    signal: AbortSignal,
    fileAt: FileAt | undefined,
  ): AsyncGenerator<ChatCompletionChunk> {
    const response = await this.#client.request({
      method: 'POST',
      path: '/v1/chat/completions',
      headers: this.#headers,
      body: JSON.stringify({ ...question, stream: true, stream_options: { include_usage: true } }),
      signal,
    });
    if (response.statusCode >= 400) {
      const body: unknown = await response.body.json().catch(() => null);
      throw answerError(this.#host, response.statusCode, body, fileAt);
    }
    for await (const data of serverSentEvents(response.body)) {
      if (data === '[DONE]') return;
      yield this.#chunk(data, fileAt);
    }
    throw new CodedError(ERRORS.AGENT_ANSWER_BROKEN, `${this.#host}: the answer ended in the middle`);
  }

  #chunk(data: string, fileAt: FileAt | undefined): ChatCompletionChunk {
    let value: unknown;
    try {
      value = JSON.parse(data);
    } catch (error) {
      throw new CodedError(ERRORS.AGENT_ANSWER_BROKEN, `${this.#host}: a part of the answer is no JSON`, {
        cause: error,
      });
    }
    if (openAiErrorSchema.safeParse(value).success) throw answerError(this.#host, 200, value, fileAt);
    const parsed = chatCompletionChunkSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new CodedError(
      ERRORS.AGENT_ANSWER_BROKEN,
      `${this.#host}: a part of the answer is not understood`,
      {
        cause: parsed.error,
      },
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
}
