import { readdirSync } from 'node:fs';
import path from 'node:path';
import { chatCompletionSchema } from '@mlxfleet/protocol';
import { expect } from 'vitest';
import type { z } from 'zod';
import { encodePng, makePicture } from '../../../../bench/lib/picture.ts';
import type { AgentProcess } from '../../../support/agent-process.ts';
import { childrenOf, workersOf } from '../../../support/worker-processes.ts';

export const MODEL = 'tiny-vision';

/** A part of a message of the chat API. */
export type Part =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
  | {
      readonly type: 'file';
      readonly file: { readonly file_data: string; readonly filename: string; readonly pages?: string };
    };

export function dataUrl(mediaType: string, bytes: Uint8Array): string {
  return `data:${mediaType};base64,${Buffer.from(bytes).toString('base64')}`;
}

export function text(said: string): Part {
  return { type: 'text', text: said };
}

export function linked(url: string): Part {
  return { type: 'image_url', image_url: { url } };
}

export function image(bytes: Uint8Array, mediaType = 'image/png'): Part {
  return linked(dataUrl(mediaType, bytes));
}

/** @param pages such as 1-2; all where it is left out. */
export function pdf(bytes: Uint8Array, pages?: string): Part {
  const file = { file_data: dataUrl('application/pdf', bytes), filename: 'a.pdf' };
  return { type: 'file', file: pages === undefined ? file : { ...file, pages } };
}

/** A PNG of its own for each seed. */
export function picture(seed: number): Buffer {
  return encodePng(makePicture(seed, 96));
}

/** A greedy request of one message. */
export function shown(...content: Part[]): object {
  return { model: MODEL, messages: [{ role: 'user', content }], max_tokens: 12, temperature: 0 };
}

export async function post(
  { url }: Pick<AgentProcess, 'url'>,
  body: object,
  route = '/v1/chat/completions',
  signal?: AbortSignal,
): Promise<Response> {
  return await fetch(url + route, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal: signal ?? AbortSignal.timeout(120_000),
  });
}

/** The answer of a request that has to succeed. */
export async function completion(
  agent: Pick<AgentProcess, 'url'>,
  body: object,
): Promise<z.infer<typeof chatCompletionSchema>> {
  const response = await post(agent, body);
  const answer: unknown = await response.json();
  expect({ status: response.status, answer }).toMatchObject({ status: 200 });
  return chatCompletionSchema.parse(answer);
}

/** The text of its first choice. */
export async function answerText(agent: Pick<AgentProcess, 'url'>, body: object): Promise<string> {
  return (await completion(agent, body)).choices[0]?.message.content ?? '';
}

/** Names of the files that requests have now. */
export function spooled({ root }: Pick<AgentProcess, 'root'>): string[] {
  return readdirSync(path.join(root, 'shared', 'spool'));
}

/** The one worker of an agent, and the process in which it decodes; null where there is none. */
export async function processesOf(
  agentPid: number,
): Promise<{ readonly worker: number | null; readonly decoder: number | null }> {
  const [worker = null] = await workersOf(agentPid);
  const children = worker === null ? [] : await childrenOf(worker);
  const decoder = children.find(({ words }) => words.includes('mlxfleet_worker.images.process'));
  return { worker, decoder: decoder?.pid ?? null };
}
