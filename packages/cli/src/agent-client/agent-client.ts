import {
  type AdminHealth,
  adminHealthSchema,
  type AdminLoadRequest,
  type AdminLoadResponse,
  adminLoadResponseSchema,
  type AdminStatus,
  adminStatusSchema,
  type AdminUnloadRequest,
  type AdminUnloadResponse,
  adminUnloadResponseSchema,
  CodedError,
  PROTOCOL_VERSION,
} from '@mlxfleet/protocol';
import type { Client } from 'undici';
import { ERRORS } from '../errors.ts';
import type { Host } from '../hosts/host.ts';
import { answerError, notRunning, protocolMismatch } from './answer-error.ts';
import { clientOver } from './host-connection.ts';

interface Schema<T> {
  safeParse(value: unknown): { success: true; data: T } | { success: false; error: Error };
}

/** The protocol version that an answer names, whatever else is in it. */
function versionIn(body: unknown): number | null {
  if (typeof body !== 'object' || body === null || !('protocol_version' in body)) return null;
  return typeof body.protocol_version === 'number' ? body.protocol_version : null;
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
 * fine; an answer of a version that cannot be understood becomes PROTOCOL_MISMATCH, an agent that does not run
 * AGENT_NOT_RUNNING.
 */
export class AgentClient implements AsyncDisposable {
  readonly #host: string;
  readonly #client: Client;

  /** `root` is absolute, as the host told it. */
  constructor(host: Host, root: string) {
    this.#host = host.name;
    this.#client = clientOver(async () => {
      try {
        return await host.openUnixSocket(`${root}/run/admin.sock`);
      } catch (error) {
        // The host itself may be away: that has a code of its own.
        throw error instanceof CodedError ? error : notRunning(host.name, error);
      }
    });
  }

  async health(signal?: AbortSignal): Promise<AdminHealth> {
    return this.#request('GET', '/admin/health', adminHealthSchema, undefined, signal);
  }

  async status(signal?: AbortSignal): Promise<AdminStatus> {
    return this.#request('GET', '/admin/status', adminStatusSchema, undefined, signal);
  }

  /** Answers when the model is ready, which takes as long as it takes to read it. */
  async load(request: AdminLoadRequest, signal?: AbortSignal): Promise<AdminLoadResponse> {
    return this.#request('POST', '/admin/load', adminLoadResponseSchema, request, signal);
  }

  async unload(request: AdminUnloadRequest, signal?: AbortSignal): Promise<AdminUnloadResponse> {
    return this.#request('POST', '/admin/unload', adminUnloadResponseSchema, request, signal);
  }

  async #request<T>(
    method: 'GET' | 'POST',
    path: string,
    schema: Schema<T>,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> {
    const { status, text } = await this.#exchange(method, path, body, signal);
    const value = parseJson(text);
    if (status >= 400) throw answerError(this.#host, status, value);
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    const theirs = versionIn(value);
    if (theirs !== null && theirs !== PROTOCOL_VERSION) {
      throw protocolMismatch(this.#host, theirs, PROTOCOL_VERSION);
    }
    throw new CodedError(
      ERRORS.AGENT_ANSWER_BROKEN,
      `${this.#host}: the answer to ${method} ${path} is not understood`,
      { cause: parsed.error },
    );
  }

  async #exchange(
    method: 'GET' | 'POST',
    path: string,
    body: object | undefined,
    signal: AbortSignal | undefined,
  ): Promise<{ status: number; text: string }> {
    try {
      const response = await this.#client.request({
        method,
        path,
        ...(body === undefined
          ? {}
          : { body: JSON.stringify(body), headers: { 'content-type': 'application/json' } }),
        ...(signal === undefined ? {} : { signal }),
      });
      return { status: response.statusCode, text: await response.body.text() };
    } catch (error) {
      if (error instanceof CodedError || signal?.aborted === true) throw error;
      throw new CodedError(ERRORS.AGENT_ANSWER_BROKEN, `${this.#host}: the agent ended the connection`, {
        cause: error,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#client.destroy();
  }
}
