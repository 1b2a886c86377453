import Anthropic from '@anthropic-ai/sdk';
import { createOpenAICompatible } from '@ai-sdk/openai-compatible';
import { generateText } from 'ai';
import type OpenAI from 'openai';
import { BadRequestError } from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import { answerText, completion, dataUrl, image, MODEL, pdf, picture, shown, text } from './requests.ts';

let agent: AgentProcess;
let file: MadeFile;
beforeAll(async () => {
  [agent, file] = await Promise.all([startAgent({ models: [MODEL] }), makeFiles()]);
});
afterAll(async () => {
  await agent.stop();
});

const MAX = 12;
const QUESTION = 'What do they show?';
/** An extension, which the clients' types do not know. */
const TWO_PAGES = { pages: '1-2' } as const;

/** What the model says of a picture and two pages: every client has to get it. */
async function expected(): Promise<string> {
  return await answerText(agent, shown(text(QUESTION), image(picture(5)), pdf(file('report.pdf'), '1-2')));
}

describe('the client of OpenAI', () => {
  test('chat, whole and streamed', async () => {
    const request = {
      model: MODEL,
      messages: [
        {
          role: 'user' as const,
          content: [
            { type: 'text' as const, text: QUESTION },
            {
              type: 'image_url' as const,
              image_url: { url: dataUrl('image/png', picture(5)), detail: 'high' as const },
            },
            {
              type: 'file' as const,
              file: {
                filename: 'a.pdf',
                file_data: dataUrl('application/pdf', file('report.pdf')),
                pages: '1-2',
              },
            },
          ],
        },
      ],
      temperature: 0,
      max_completion_tokens: MAX,
    };
    const { choices } = await agent.client.chat.completions.create(request);
    expect(choices[0]?.message.content).toBe(await expected());
    const streamed = await agent.client.chat.completions.stream(request).finalChatCompletion();
    expect(streamed.choices[0]?.message.content).toBe(await expected());
  });

  test('responses, and one that goes on from another', async () => {
    const common = { model: MODEL, temperature: 0, max_output_tokens: MAX };
    const input: OpenAI.Responses.ResponseInputItem[] = [
      {
        role: 'user',
        content: [
          { type: 'input_text', text: QUESTION },
          { type: 'input_image', image_url: dataUrl('image/png', picture(5)), detail: 'auto' },
          {
            type: 'input_file',
            filename: 'a.pdf',
            file_data: dataUrl('application/pdf', file('report.pdf')),
            ...TWO_PAGES,
          },
        ],
      },
    ];
    const first = await agent.client.responses.create({ ...common, input });
    expect(first.output_text).toBe(await expected());
    const streamed = await agent.client.responses.stream({ ...common, input, store: false }).finalResponse();
    expect(streamed.output_text).toBe(await expected());
    const next = { ...common, previous_response_id: first.id, input: 'Sure?' };
    const { usage } = await agent.client.responses.create(next);
    // What was shown before is a part of the conversation.
    expect(usage?.input_tokens).toBeGreaterThan(first.usage?.input_tokens ?? Number.NaN);
    expect(usage?.input_tokens_details).toMatchObject({
      image_tokens: z.object({ image_tokens: z.int().positive() }).parse(first.usage?.input_tokens_details)
        .image_tokens,
    });
  });

  test('a refusal is its own error', async () => {
    const refused = agent.client.chat.completions.create({
      model: MODEL,
      messages: [{ role: 'user', content: [image(Buffer.from('hello'))] }],
    });
    await expect(refused).rejects.toBeInstanceOf(BadRequestError);
    await expect(refused).rejects.toMatchObject({ code: 'invalid_media', param: 'messages.0.content.0' });
  });
});

describe('the client of Anthropic', () => {
  test('an image and a document, whole and streamed', async () => {
    const client = new Anthropic({ baseURL: agent.url, apiKey: 'any', maxRetries: 0 });
    const request: Anthropic.MessageCreateParamsNonStreaming = {
      model: MODEL,
      temperature: 0,
      max_tokens: MAX,
      messages: [
        {
          role: 'user',
          content: [
            { type: 'text', text: QUESTION },
            {
              type: 'image',
              source: { type: 'base64', media_type: 'image/png', data: picture(5).toString('base64') },
            },
            {
              type: 'document',
              source: {
                type: 'base64',
                media_type: 'application/pdf',
                data: file('report.pdf').toString('base64'),
              },
              ...TWO_PAGES,
            },
          ],
        },
      ],
    };
    const said = [{ type: 'text', text: await expected() }];
    expect((await client.messages.create(request)).content).toMatchObject(said);
    expect((await client.messages.stream(request).finalMessage()).content).toMatchObject(said);
  });
});

test('the AI SDK: an image and a document', async () => {
  const provider = createOpenAICompatible({ name: 'mlxfleet', baseURL: `${agent.url}/v1` });
  const { text: said } = await generateText({
    model: provider(MODEL),
    temperature: 0,
    maxOutputTokens: MAX,
    maxRetries: 0,
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: QUESTION },
          { type: 'file', data: picture(5), mediaType: 'image/png' },
          { type: 'file', data: file('report.pdf'), mediaType: 'application/pdf', filename: 'a.pdf' },
        ],
      },
    ],
  });
  const all = shown(text(QUESTION), image(picture(5)), pdf(file('report.pdf')));
  const { choices, usage } = await completion(agent, all);
  expect(said).toBe(choices[0]?.message.content);
  expect(usage.prompt_tokens_details.image_tokens).toBeGreaterThan(8);
});
