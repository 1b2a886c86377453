import { createHash } from 'node:crypto';
import {
  anthropicMessageSchema,
  chatCompletionSchema,
  generateFrameSchema,
  type Prompt,
  responseObjectSchema,
} from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import {
  nothingSpooled,
  picture,
  PNG,
  said,
  shownChat as chat,
  shownMedia,
  spooled,
  VISION,
} from '../test-support/media-requests.ts';
import { readEvents } from '../test-support/read-events.ts';
import { base64, dataUrl, SAMPLES } from '../test-support/sample-media.ts';
import { agentsForTests, type TestAgent } from '../test-support/test-agent.ts';

const CHAT = '/v1/chat/completions';
const RESPONSES = '/v1/responses';
const MESSAGES = '/v1/messages';

const startAgent = agentsForTests();

const JPEG = SAMPLES.jpeg();
const PDF = SAMPLES.pdf();

function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}

async function body(answer: Promise<Response>): Promise<unknown> {
  return await (await answer).json();
}

function textOf(route: string, answer: unknown): string | null | undefined {
  if (route === CHAT) return chatCompletionSchema.parse(answer).choices[0]?.message.content;
  if (route === RESPONSES) {
    const [item] = responseObjectSchema.parse(answer).output;
    return item?.type === 'message' ? item.content[0]?.text : null;
  }
  const [block] = anthropicMessageSchema.parse(answer).content;
  return block?.type === 'text' ? block.text : null;
}

/** The prompt of a request that asks its worker to show-frame. */
async function promptOf(
  agent: TestAgent,
  route: string,
  request: object,
): Promise<Extract<Prompt, { kind: 'chat' }>> {
  const text = textOf(route, await body(agent.post(route, request)));
  const { prompt } = generateFrameSchema.parse(JSON.parse(text ?? ''));
  if (prompt.kind !== 'chat') throw new Error('the prompt is no chat');
  return prompt;
}

function shown(kind: string, bytes: Buffer, more: object): unknown {
  return {
    kind,
    path: expect.any(String),
    sha256: sha256(bytes),
    detail: 'auto',
    pages: null,
    dpi: null,
    ...more,
  };
}

describe('what a worker gets', () => {
  test('is the same of all three APIs: texts, images and documents in their order', async () => {
    const agent = await startAgent(VISION);
    const ofChat = await promptOf(
      agent,
      CHAT,
      chat([
        said('one'),
        picture(),
        said('two'),
        said(' show-frame'),
        { type: 'file', file: { filename: 'a.pdf', file_data: base64(PDF), pages: '1-2,4', dpi: 72 } },
      ]),
    );
    const ofResponses = await promptOf(agent, RESPONSES, {
      model: 'eye',
      store: false,
      input: [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'one' },
            { type: 'input_image', image_url: dataUrl('image/png', PNG), detail: 'auto' },
            { type: 'input_text', text: 'two show-frame' },
            { type: 'input_file', file_data: dataUrl('application/pdf', PDF), pages: '1-2,4', dpi: 72 },
          ],
        },
      ],
    });
    const ofMessages = await promptOf(agent, MESSAGES, {
      model: 'eye',
      max_tokens: 1000,
      messages: [
        {
          role: 'user',
          content: [
            said('one'),
            { type: 'image', source: { type: 'base64', media_type: 'image/png', data: base64(PNG) } },
            said('two show-frame'),
            {
              type: 'document',
              source: { type: 'base64', media_type: 'application/pdf', data: base64(PDF) },
              pages: '1-2,4',
              dpi: 72,
            },
          ],
        },
      ],
    });
    const messages = [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'one' },
          { type: 'media', media: 0 },
          { type: 'text', text: 'two show-frame' },
          { type: 'media', media: 1 },
        ],
      },
    ];
    const pages = [
      [1, 2],
      [4, 4],
    ];
    for (const [prompt, place] of [
      [ofChat, 'messages.0.content'],
      [ofResponses, 'input.0.content'],
      [ofMessages, 'messages.0.content'],
    ] as const) {
      expect(prompt.messages).toEqual(messages);
      expect(prompt.media).toEqual([
        shown('image', PNG, { param: `${place}.1` }),
        shown('pdf', PDF, { param: expect.stringContaining(place), pages, dpi: 72 }),
      ]);
    }
    expect(spooled(agent)).toEqual([]);
  });

  test('is read from a file of the owner alone', async () => {
    const agent = await startAgent(VISION);
    const media = await shownMedia(agent, chat([said('show-media'), picture(JPEG, 'image/jpeg')]));
    expect(media).toMatchObject([
      { kind: 'image', bytes: JPEG.length, mode: '600', param: 'messages.0.content.1' },
    ]);
    await nothingSpooled(agent);
  });

  test('has what tools show', async () => {
    const agent = await startAgent(VISION);
    const call = { id: 'c', type: 'function', function: { name: 'look', arguments: '{}' } };
    const ofChat = await promptOf(agent, CHAT, {
      model: 'eye',
      messages: [
        { role: 'user', content: 'show-frame' },
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: 'c', content: [said('seen'), picture()] },
      ],
    });
    const ofResponses = await promptOf(agent, RESPONSES, {
      model: 'eye',
      store: false,
      input: [
        { role: 'user', content: 'show-frame' },
        { type: 'function_call', call_id: 'c', name: 'look', arguments: '{}' },
        {
          type: 'function_call_output',
          call_id: 'c',
          output: [
            { type: 'input_text', text: 'seen' },
            { type: 'input_image', image_url: dataUrl('image/png', PNG) },
          ],
        },
      ],
    });
    const source = { type: 'base64', media_type: 'image/png', data: base64(PNG) };
    const ofMessages = await promptOf(agent, MESSAGES, {
      model: 'eye',
      max_tokens: 1000,
      messages: [
        { role: 'user', content: 'show-frame' },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'look', input: {} }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c', content: [said('seen'), { type: 'image', source }] },
          ],
        },
      ],
    });
    for (const prompt of [ofChat, ofResponses, ofMessages]) {
      expect(prompt.messages[2]).toMatchObject({
        role: 'tool',
        name: 'look',
        content: [
          { type: 'text', text: 'seen' },
          { type: 'media', media: 0 },
        ],
      });
      expect(prompt.media).toHaveLength(1);
    }
  });

  test('is a text where a message has nothing else, also for a vision model', async () => {
    const agent = await startAgent(VISION);
    const prompt = await promptOf(agent, CHAT, chat([said('a '), said('show-frame')]));
    expect(prompt).toMatchObject({ messages: [{ content: 'a show-frame' }], media: [] });
  });

  test("has plain text, titles and failures of Anthropic's API as text", async () => {
    const agent = await startAgent(VISION);
    const source = { type: 'base64', media_type: 'image/png', data: base64(PNG) };
    const { messages } = await promptOf(agent, MESSAGES, {
      model: 'eye',
      max_tokens: 1000,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'document', title: 'T', context: 'C', source: { type: 'text', data: 'D' } },
            said('show-frame'),
          ],
        },
        { role: 'assistant', content: [{ type: 'tool_use', id: 'c', name: 'look', input: {} }] },
        {
          role: 'user',
          content: [
            { type: 'tool_result', tool_use_id: 'c', is_error: true, content: [{ type: 'image', source }] },
          ],
        },
      ],
    });
    expect(messages).toMatchObject([
      { content: 'T\nC\nD\nshow-frame' },
      { role: 'assistant' },
      {
        content: [
          { type: 'text', text: 'Error: ' },
          { type: 'media', media: 0 },
        ],
      },
    ]);
  });
});

describe('clients', () => {
  test('Open WebUI: a list of text and image, streamed, with any key', async () => {
    const agent = await startAgent(VISION);
    const answer = await agent.post(
      CHAT,
      chat([said('tokens=3'), picture()], { stream: true, stream_options: { include_usage: true } }),
      { headers: { authorization: 'Bearer sk-anything' } },
    );
    expect(answer.status).toBe(200);
    const events = readEvents(await answer.text());
    const last: unknown = JSON.parse(events.at(-2) ?? '');
    expect(last).toMatchObject({ usage: { prompt_tokens_details: { image_tokens: 10 } } });
    await nothingSpooled(agent);
  });

  test('RAGMT: one page image a request', async () => {
    const agent = await startAgent(VISION);
    const page = picture(Buffer.concat([PNG, Buffer.alloc(900_000)]));
    const answer = await agent.post(CHAT, {
      ...chat([page, said('tokens=2')]),
      max_tokens: 1024,
      temperature: 0,
    });
    expect(answer.status).toBe(200);
    expect(await answer.json()).toMatchObject({ choices: [{ message: { content: 't0 t1 ' } }] });
  });

  test('tokens of chats with images are counted', async () => {
    const agent = await startAgent(VISION);
    const counted = await body(agent.post('/v1/tokenize', chat([said('ab'), picture()])));
    expect(counted).toMatchObject({ count: 12 });
    const source = { type: 'base64', media_type: 'image/png', data: base64(PNG) };
    const messages = [{ role: 'user', content: [said('ab'), { type: 'image', source }] }];
    const request = { model: 'eye', messages };
    expect(await body(agent.post('/v1/messages/count_tokens', request))).toEqual({ input_tokens: 12 });
    await nothingSpooled(agent);
  });

  test('usage has image tokens where there are images, and nowhere else', async () => {
    const agent = await startAgent(VISION);
    const details = async (request: object): Promise<object> => {
      const { usage } = chatCompletionSchema.parse(await body(agent.post(CHAT, request)));
      return usage.prompt_tokens_details;
    };
    expect(await details(chat([said('a'), picture(), picture()]))).toEqual({
      cached_tokens: 0,
      image_tokens: 20,
    });
    expect(await details(chat('a'))).toEqual({ cached_tokens: 0 });
    const input = [
      { role: 'user', content: [{ type: 'input_image', image_url: dataUrl('image/png', PNG) }] },
    ];
    expect(await body(agent.post(RESPONSES, { model: 'eye', input }))).toMatchObject({
      usage: { input_tokens_details: { image_tokens: 10 } },
    });
  });

  test('a stored conversation shows its images again', async () => {
    const agent = await startAgent(VISION);
    const content = [
      { type: 'input_text', text: 'show-media' },
      { type: 'input_image', image_url: dataUrl('image/png', PNG) },
    ];
    const request = { model: 'eye', input: [{ role: 'user', content }] };
    const { id } = responseObjectSchema.parse(await body(agent.post(RESPONSES, request)));
    const next = { model: 'eye', input: 'and now?', previous_response_id: id };
    const text = textOf(RESPONSES, await body(agent.post(RESPONSES, next)));
    expect(JSON.parse(text ?? '')).toMatchObject([
      { bytes: PNG.length, param: 'previous_response_id.content.1' },
    ]);
    await nothingSpooled(agent);
  });
});
