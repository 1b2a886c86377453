import {
  type AdminLoadRequest,
  type AdminLoadResponse,
  adminLoadResponseSchema,
  type AdminUnloadRequest,
  type AdminUnloadResponse,
  adminUnloadResponseSchema,
  CodedError,
} from '@mlxfleet/protocol';
import type { Client } from 'undici';
import { ERRORS } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { answerError } from './answer-error.ts';
import { clientOver, exchangeError } from './host-connection.ts';

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The admin API of the agent on one host, over its Unix socket, which needs no token. Unknown fields of an answer are
 * fine. Rejects with AGENT_NOT_RUNNING, AGENT_REFUSED or AGENT_ANSWER_BROKEN, or with the host's own error.
 */
export class AgentClient implements AsyncDisposable {
  readonly #host: string;
  readonly #client: Client;

  /** `root` is absolute, as the host told it. */
  constructor(host: Host, root: string) {
    this.#host = host.name;
    this.#client = clientOver(host.name, async () => host.openUnixSocket(`${root}/run/admin.sock`));
  }

  /** Answers when the model is ready, which takes as long as it takes to read it. */
  async load(request: AdminLoadRequest, signal?: AbortSignal): Promise<AdminLoadResponse> {
    return this.#post('/admin/load', adminLoadResponseSchema, request, signal);
  }

  async unload(request: AdminUnloadRequest, signal?: AbortSignal): Promise<AdminUnloadResponse> {
    return this.#post('/admin/unload', adminUnloadResponseSchema, request, signal);
  }

  async #post<T>(path: string, schema: Schema<T>, body: object, signal: AbortSignal | undefined): Promise<T> {
    const { status, text } = await this.#exchange(path, body, signal);
    const value = parseJson(text);
    if (status >= 400) throw answerError(this.#host, status, value);
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw new CodedError(
      ERRORS.AGENT_ANSWER_BROKEN,
      `${this.#host}: the answer to POST ${path} is not understood`,
      { cause: parsed.error },
    );
  }

  async #exchange(
    path: string,
    body: object,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; text: string }> {
    try {
      const response = await this.#client.request({
        method: 'POST',
        path,
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      throw exchangeError(this.#host, error, signal);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
}
