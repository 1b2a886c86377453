import { chatCompletionChunkSchema, chatCompletionSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { readEvents } from '../../../../packages/agent/src/test-support/read-events.ts';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import { answerText, dataUrl, MODEL, picture } from './requests.ts';

let agent: AgentProcess;
let file: MadeFile;
beforeAll(async () => {
  [agent, file] = await Promise.all([startAgent({ models: [MODEL] }), makeFiles()]);
});
afterAll(async () => {
  await agent.stop();
});

describe('RAGMT, which draws pages itself and asks about each', () => {
  const instruction = 'Write down the text of this page.';
  const PAGES = [1, 2, 3, 4, 5, 6, 7, 8];
  const AT_ONCE = 4;

  /** The request as it sends it: no option that is not needed, no key. */
  async function ask(page: number): Promise<z.infer<typeof chatCompletionSchema>> {
    const url = `data:image/png;base64,${file(`page-${String(page)}.png`).toString('base64')}`;
    const response = await fetch(`${agent.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify({
        model: MODEL,
        messages: [
          {
            role: 'user',
            content: [
              { type: 'text', text: instruction },
              { type: 'image_url', image_url: { url } },
            ],
          },
        ],
        max_tokens: 32,
        temperature: 0,
      }),
    });
    expect(response.status).toBe(200);
    return chatCompletionSchema.parse(await response.json());
  }

  test('eight pages, four at once: all answered, each as by itself', async () => {
    const waiting = [...PAGES];
    const texts = new Map<number, string | null | undefined>();
    await Promise.all(
      Array.from({ length: AT_ONCE }, async () => {
        for (let page = waiting.shift(); page !== undefined; page = waiting.shift()) {
          const { choices, usage } = await ask(page);
          texts.set(page, choices[0]?.message.content);
          expect(usage.prompt_tokens_details.image_tokens).toBeGreaterThan(0);
        }
      }),
    );
    expect(new Set(texts.values()).size).toBe(PAGES.length);
    for (const page of PAGES) expect((await ask(page)).choices[0]?.message.content).toBe(texts.get(page));
  });
});

/** What a user types, with the pictures that were dropped on it. */
function question(said: string, urls: readonly string[]): object {
  const images = urls.map((url) => ({ type: 'image_url', image_url: { url } }));
  return { role: 'user', content: [{ type: 'text', text: said }, ...images] };
}

/** A request of Open WebUI's server. */
async function call(route: string, key: string, body?: object): Promise<Response> {
  const response = await fetch(`${agent.url}/v1${route}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${key}`.trim() },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  expect(response.status).toBe(200);
  return response;
}

/** A turn of a conversation, as it sends it. */
async function turn(messages: readonly object[], key: string) {
  const body = {
    stream: true,
    model: MODEL,
    messages,
    stream_options: { include_usage: true },
    max_tokens: 12,
  };
  const response = await call('/chat/completions', key, { ...body, temperature: 0 });
  expect(response.headers.get('content-type')).toContain('text/event-stream');
  const events = readEvents(await response.text());
  expect(events.pop()).toBe('[DONE]');
  const chunks = events.map((event) => chatCompletionChunkSchema.parse(JSON.parse(event)));
  return {
    deltas: chunks.flatMap(({ choices }) => choices.map(({ delta }) => delta.content ?? '')),
    usage: chunks.at(-1)?.usage,
  };
}

describe('Open WebUI', () => {
  const modelsSchema = z.object({
    object: z.literal('list'),
    data: z.array(z.object({ id: z.string(), object: z.literal('model') })),
  });

  test.each(['sk-any', '0p3n-w3bu!', ''])(
    'models and a conversation with images, with the key "%s"',
    async (key) => {
      const { data } = modelsSchema.parse(await (await call('/models', key)).json());
      expect(data.map(({ id }) => id)).toEqual([MODEL]);

      const messages: object[] = [];
      const images: (number | undefined)[] = [];
      const urls = [1, 2, 3].map((seed) => dataUrl('image/png', picture(seed)));
      for (const said of [
        question('What is this?', urls.slice(0, 1)),
        question('And these?', urls.slice(1)),
        question('Sure?', []),
      ]) {
        messages.push(said);
        const { deltas, usage } = await turn(messages, key);
        expect(deltas.length).toBeGreaterThan(2);
        const content = deltas.join('');
        // The same by itself, not streamed.
        const whole = { model: MODEL, messages, max_tokens: 12, temperature: 0 };
        expect(content).toBe(await answerText(agent, whole));
        expect(usage?.total_tokens).toBe(
          (usage?.prompt_tokens ?? Number.NaN) + (usage?.completion_tokens ?? Number.NaN),
        );
        images.push(usage?.prompt_tokens_details.image_tokens);
        messages.push({ role: 'assistant', content });
      }
      const [one = Number.NaN] = images;
      expect(images).toEqual([one, 3 * one, 3 * one]);
    },
  );
});
