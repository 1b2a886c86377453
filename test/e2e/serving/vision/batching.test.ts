import { anthropicMessageSchema, countTokensSchema, tokenizationSchema } from '@mlxfleet/protocol';
import type OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type AgentProcess, startAgent } from '../../../support/agent-process.ts';
import { makeFiles, type MadeFile } from './made-files.ts';
import { answerText, image, MODEL, type Part, pdf, picture, post, shown, text } from './requests.ts';

let agent: AgentProcess;
let file: MadeFile;
beforeAll(async () => {
  [agent, file] = await Promise.all([startAgent({ models: [MODEL] }), makeFiles()]);
});
afterAll(async () => {
  await agent.stop();
});

type Body = OpenAI.ChatCompletionCreateParamsNonStreaming;
type Message = OpenAI.ChatCompletionMessageParam;

function user(...content: Part[]): Message {
  return { role: 'user', content };
}

function body(messages: Message[], more: Partial<Body> = {}): Body {
  return { model: MODEL, messages, temperature: 0, max_completion_tokens: 24, ...more };
}

const SEEDED = { temperature: 1, seed: 7 } as const;

/** A PNG as a part. */
function seen(seed: number): Part {
  return image(picture(seed));
}

interface Answer {
  readonly texts: string[];
  readonly reasons: (string | null)[];
  readonly usage: Record<'prompt' | 'completion' | 'image', number | undefined>;
}

interface PromptDetails {
  readonly cached_tokens?: number;
  readonly image_tokens?: number;
}

function counted(usage: OpenAI.CompletionUsage | null | undefined): Answer['usage'] {
  const details: PromptDetails | undefined = usage?.prompt_tokens_details;
  return {
    prompt: usage?.prompt_tokens,
    completion: usage?.completion_tokens,
    image: details?.image_tokens,
  };
}

async function whole(request: Body): Promise<Answer> {
  const { choices, usage } = await agent.client.chat.completions.create(request);
  return {
    texts: choices.map(({ message }) => message.content ?? ''),
    reasons: choices.map(({ finish_reason: reason }) => reason),
    usage: counted(usage),
  };
}

async function streamed(request: Body): Promise<Answer> {
  const count = request.n ?? 1;
  const texts = Array<string>(count).fill('');
  const reasons = Array<string | null>(count).fill(null);
  let usage: OpenAI.CompletionUsage | null | undefined;
  const stream = await agent.client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const chunk of stream) {
    for (const { index, delta, finish_reason: reason } of chunk.choices) {
      texts[index] += delta.content ?? '';
      reasons[index] = reason ?? reasons[index] ?? null;
    }
    usage = chunk.usage ?? usage;
  }
  return { texts, reasons, usage: counted(usage) };
}

interface Asked {
  readonly name: string;
  readonly ask: () => Promise<Answer>;
}

/** Twelve of every kind. */
function mixed(): Asked[] {
  const asked = (name: string, how: typeof whole, request: Body): Asked => ({
    name,
    ask: async () => await how(request),
  });
  const question = text('What is this?');
  return [
    asked('text', whole, body([user(text('Hello there'))])),
    asked('text, seeded, streamed', streamed, body([user(text('Hello again'))], SEEDED)),
    asked('a long text', streamed, body([user(text('word '.repeat(300)))])),
    asked('an image', whole, body([user(seen(1), question)])),
    asked('another image', streamed, body([user(seen(2), question)])),
    asked('an image, seeded', whole, body([user(seen(1), question)], SEEDED)),
    asked('an image in two answers', streamed, body([user(seen(3), question)], { ...SEEDED, n: 2 })),
    asked('three images', whole, body([user(seen(1), text('and'), seen(2), seen(4), question)])),
    asked('five images, seeded', streamed, body([user(...[1, 2, 3, 4, 5].map(seen), question)], SEEDED)),
    asked('pages', whole, body([user(pdf(file('report.pdf')), question)])),
    asked('some pages, seeded', streamed, body([user(pdf(file('report.pdf'), '2-3'), question)], SEEDED)),
    asked(
      'an image and a page, in turns',
      whole,
      body([
        user(seen(5), question),
        { role: 'assistant', content: 'A picture.' },
        user(pdf(file('report.pdf'), '8'), text('And this?')),
      ]),
    ),
  ];
}

async function atOnce(): Promise<Record<string, Answer>> {
  return Object.fromEntries(
    await Promise.all(mixed().map(async ({ name, ask }) => [name, await ask()] as const)),
  );
}

test('twelve requests of every kind at once are answered as each by itself, new or known', async () => {
  const unknown = await atOnce();
  const alone: Record<string, Answer> = {};
  for (const { name, ask } of mixed()) alone[name] = await ask();
  expect(unknown).toEqual(alone);
  expect(await atOnce()).toEqual(alone);
  // Otherwise equal answers would say nothing.
  const texts = Object.values(alone).flatMap((answer) => answer.texts);
  expect(new Set(texts).size).toBe(13);
  expect(Object.values(alone).map(({ usage }) => usage.image)).toEqual([
    undefined,
    undefined,
    undefined,
    ...Array.from({ length: 9 }, () => expect.any(Number)),
  ]);
});

async function said(...parts: Part[]): Promise<string> {
  return await answerText(agent, shown(...parts, text('What?')));
}

describe('an image', () => {
  test('is seen: the same gives the same answer, another one another, and their order matters', async () => {
    const first = await said(seen(11));
    expect(await said(seen(11))).toBe(first);
    expect(await said(seen(12))).not.toBe(first);
    expect(await said(seen(11), seen(12))).not.toBe(await said(seen(12), seen(11)));
    expect(await said(text('x'), seen(11))).not.toBe(await said(seen(11), text('x')));
    // The same pixels in another format without loss.
    expect(await said(image(file('good.png')))).toBe(await said(image(file('lossless.webp'), 'image/webp')));
  });

  test('in two answers: both are of the image, and each has its own dice', async () => {
    const { texts } = await whole(body([user(seen(13), text('What?'))], { ...SEEDED, n: 2 }));
    expect(new Set(texts).size).toBe(2);
    const greedy = await whole(body([user(seen(13), text('What?'))], { n: 2 }));
    expect(greedy.texts[0]).toBe(greedy.texts[1]);
    const [single] = (await whole(body([user(seen(13), text('What?'))]))).texts;
    expect(greedy.texts[0]).toBe(single);
  });

  test('log-probabilities are those of the tokens of the answer', async () => {
    const request = body([user(seen(14), text('What?'))], { logprobs: true, top_logprobs: 3 });
    const { choices, usage } = await agent.client.chat.completions.create(request);
    const tokens = choices[0]?.logprobs?.content ?? [];
    expect(tokens).toHaveLength(usage?.completion_tokens ?? -1);
    for (const { token, logprob, top_logprobs: best } of tokens) {
      expect(best).toHaveLength(3);
      // Greedy: the token is the most likely one.
      expect(best[0]).toMatchObject({ token, logprob });
      expect(logprob).toBeLessThanOrEqual(0);
    }
    const bytes = Buffer.from(tokens.flatMap((token) => token.bytes ?? []));
    expect(bytes.toString('utf8')).toBe(choices[0]?.message.content);
  });

  test('stop texts end its answer', async () => {
    const request = body([user(seen(15), text('What?'))], { max_completion_tokens: 60 });
    const free = (await whole(request)).texts[0] ?? '';
    // A character that is new where it stands.
    const places = Array.from({ length: free.length }, (_, place) => place);
    const end = places.find(
      (place) => place > 3 && /[!-~]/.test(free.charAt(place)) && free.indexOf(free.charAt(place)) === place,
    );
    if (end === undefined) throw new Error(`nothing in '${free}' can end it`);
    for (const ask of [whole, streamed]) {
      const stopped = await ask({ ...request, stop: free.charAt(end) });
      expect(stopped).toMatchObject({ texts: [free.slice(0, end)], reasons: ['stop'] });
    }
  });
});

const citySchema = z.strictObject({ city: z.enum(['Paris', 'Rome']), isCapital: z.boolean() });
const parameters = z.toJSONSchema(citySchema);

describe('what has to be valid is so beside an image', () => {
  test('JSON of a strict schema, 10 of 10', async () => {
    const answers = await Promise.all(
      Array.from({ length: 10 }, async (_, seed) => {
        const ask = seed % 2 === 0 ? whole : streamed;
        return await ask(
          body([user(seen(20 + seed), text('Which city?'))], {
            temperature: 1,
            seed,
            max_completion_tokens: 400,
            response_format: {
              type: 'json_schema',
              json_schema: { name: 'city', strict: true, schema: parameters },
            },
          }),
        );
      }),
    );
    for (const { texts, reasons } of answers) {
      expect(reasons).toEqual(['stop']);
      expect(citySchema.safeParse(JSON.parse(texts[0] ?? '')).error).toBeUndefined();
    }
  });

  test('a call that has to be made, and the turn after it', async () => {
    const messages = [user(seen(30), text('Which city?'))];
    const tools = [{ type: 'function' as const, function: { name: 'look_up', parameters, strict: true } }];
    const { choices } = await agent.client.chat.completions.create(
      body(messages, {
        ...SEEDED,
        max_completion_tokens: 400,
        tools,
        tool_choice: 'required',
        parallel_tool_calls: false,
      }),
    );
    const message = choices[0]?.message;
    const call = message?.tool_calls?.[0];
    if (message === undefined || call?.type !== 'function') throw new Error('there is no call');
    expect([choices[0]?.finish_reason, call.function.name]).toEqual(['tool_calls', 'look_up']);
    expect(citySchema.safeParse(JSON.parse(call.function.arguments)).error).toBeUndefined();
    const result: Message = { role: 'tool', tool_call_id: call.id, content: 'It is sunny there.' };
    const after = await whole(body([...messages, message, result], { tools, tool_choice: 'none' }));
    expect(after.usage.image).toBeGreaterThan(0);
    expect(after.texts[0]).not.toBe('');
  });
});

/** The tokens of a prompt, with as many for an image as it takes. */
async function promptTokens(messages: Message[]): Promise<number[]> {
  const response = await post(agent, { model: MODEL, messages }, '/v1/tokenize');
  return tokenizationSchema.parse(await response.json()).tokens;
}

/** As Anthropic's API has it. */
function source(bytes: Buffer, mediaType: string): object {
  return { type: 'base64', media_type: mediaType, data: bytes.toString('base64') };
}

describe('tokens of images', () => {
  test('are a part of the prompt, as many for each of the same size, and told apart', async () => {
    const usageOf = async (...parts: Part[]) => (await whole(body([user(...parts, text('What?'))]))).usage;
    const none = await usageOf();
    const one = await usageOf(seen(40));
    const two = await usageOf(seen(40), seen(41));
    const pages = await usageOf(pdf(file('report.pdf'), '1-3'));
    const page = await usageOf(pdf(file('report.pdf'), '1'));
    expect(none.image).toBeUndefined();
    expect(one.image).toBeGreaterThan(0);
    expect(two.image).toBe(2 * (one.image ?? Number.NaN));
    expect(pages.image).toBe(3 * (page.image ?? Number.NaN));
    const around = (one.prompt ?? Number.NaN) - (none.prompt ?? Number.NaN) - (one.image ?? Number.NaN);
    // A mark before the image and one behind it.
    expect(around).toBe(2);
    expect(two.prompt).toBe((none.prompt ?? Number.NaN) + (two.image ?? Number.NaN) + 2 * around);
    expect(await promptTokens([user(seen(40), text('What?'))])).toHaveLength(one.prompt ?? -1);
  });

  test('are counted as they are used: /v1/messages/count_tokens', async () => {
    const content = [
      { type: 'text', text: 'Look:' },
      { type: 'image', source: source(picture(42), 'image/png') },
      { type: 'document', source: source(file('report.pdf'), 'application/pdf'), pages: '1-2' },
    ];
    const request = { model: MODEL, messages: [{ role: 'user', content }] };
    const counts = countTokensSchema.parse(
      await (await post(agent, request, '/v1/messages/count_tokens')).json(),
    );
    const { usage } = anthropicMessageSchema.parse(
      await (await post(agent, { ...request, max_tokens: 4 }, '/v1/messages')).json(),
    );
    expect(counts.input_tokens).toBeGreaterThan(30);
    expect(counts.input_tokens).toBe(usage.input_tokens + (usage.cache_read_input_tokens ?? 0));
  });

  test('of an earlier turn are not computed again, and those of another image always are', async () => {
    const opening = [text(`${'So it was. '.repeat(20)}Look: `), seen(50), text('What is it?')] as const;
    const first = body([user(...opening)]);
    const tokens = await promptTokens(first.messages);
    const { choices } = await agent.client.chat.completions.create(first);
    const second = await agent.client.chat.completions.create(
      body([
        ...first.messages,
        { role: 'assistant', content: choices[0]?.message.content ?? '' },
        user(text('Sure?')),
      ]),
    );
    // Tokens of an image are the only ones of which many in a row are the same.
    const begin = tokens.findIndex((token, index) =>
      tokens.slice(index, index + 4).every((each) => each === token),
    );
    const end = tokens.lastIndexOf(tokens[begin] ?? -1) + 1;
    const { usage } = await whole(first);
    expect(end - begin).toBe(usage.image);
    expect(second.usage?.prompt_tokens_details?.cached_tokens).toBeGreaterThanOrEqual(end);
    for (const other of [51, 52]) {
      const request = body([user(opening[0], seen(other), opening[2])]);
      expect(await promptTokens(request.messages)).toEqual(tokens);
      const { usage: shared } = await agent.client.chat.completions.create(request);
      expect(shared?.prompt_tokens_details?.cached_tokens).toBeGreaterThan(0);
      expect(shared?.prompt_tokens_details?.cached_tokens).toBeLessThanOrEqual(begin);
    }
  });
});
