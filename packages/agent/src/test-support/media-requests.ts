import { readdirSync } from 'node:fs';
import path from 'node:path';
import { chatCompletionSchema } from '@mlxfleet/protocol';
import { dataUrl, SAMPLES } from './sample-media.ts';
import { eventually, type TestAgent, type TestAgentOptions } from './test-agent.ts';

/** A model that sees, and one that does not. */
export const VISION: TestAgentOptions = { models: { eye: { vision: true }, m: {} } };

export const PNG = SAMPLES.png();

/** A part of a chat message. */
export function picture(bytes: Buffer = PNG, type = 'image/png'): object {
  return { type: 'image_url', image_url: { url: dataUrl(type, bytes) } };
}

export function said(text: string): object {
  return { type: 'text', text };
}

/** A chat with the model that sees. */
export function shownChat(content: unknown, more: object = {}): object {
  return { model: 'eye', messages: [{ role: 'user', content }], ...more };
}

/** The texts of all choices. */
export async function chatTexts(agent: TestAgent, request: object): Promise<string[]> {
  const answer = await agent.post('/v1/chat/completions', request);
  const { choices } = chatCompletionSchema.parse(await answer.json());
  return choices.map(({ message }) => message.content ?? '');
}

/** What the fake worker says of the files of a request that asks it to show-media, of its first choice. */
export async function shownMedia(agent: TestAgent, request: object): Promise<unknown> {
  const [text = ''] = await chatTexts(agent, request);
  return JSON.parse(text);
}

/** Names of the files that requests have now. */
export function spooled(agent: TestAgent): string[] {
  return readdirSync(path.join(agent.root, 'shared', 'spool'));
}

export async function oneSpooled(agent: TestAgent): Promise<void> {
  await eventually(() => spooled(agent).length === 1, 'a file is there');
}

export async function nothingSpooled(agent: TestAgent): Promise<void> {
  await eventually(() => spooled(agent).length === 0, 'the spool is empty');
}
