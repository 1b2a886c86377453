import type { MessageContent } from '../message-content.ts';
import type { BenchServer } from '../peer-server.ts';
import { streamChat } from '../stream-client.ts';

export interface Answer {
  readonly firstTokenMs: number;
  readonly totalMs: number;
  readonly promptTokens: number;
}

/**
 * One question and its answer, streamed.
 * @throws Error when the server refuses it or says less than it was asked for.
 */
export async function ask(server: BenchServer, content: MessageContent, maxTokens: number): Promise<Answer> {
  const { port, model } = server;
  const sample = await streamChat({ port, model, messages: [{ role: 'user', content }], maxTokens });
  const { error, firstTokenMs, totalMs, promptTokens, tokens } = sample;
  if (error !== null) throw new Error(`a request to ${server.name} failed: ${error}`);
  if (firstTokenMs === null || tokens !== maxTokens) {
    throw new Error(`${server.name} gave ${String(tokens)} of ${String(maxTokens)} tokens`);
  }
  return { firstTokenMs, totalMs, promptTokens };
}
