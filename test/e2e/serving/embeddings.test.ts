import { embeddingsSchema, openAiErrorSchema, tokenizationSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentProcess, isAlive, startAgent } from '../../support/agent-process.ts';

const MODEL = 'all-MiniLM-L6-v2';
const TEXT_MODEL = 'tiny-text';
const DIMENSIONS = 384;
const SENTENCES = ['A man is playing a guitar.', 'Someone plays the guitar.', 'The stock market fell today.'];

let agent: AgentProcess;
beforeAll(async () => {
  agent = await startAgent({ models: [MODEL, TEXT_MODEL] });
  await embed('warm up');
});
afterAll(async () => {
  await agent.stop();
});

async function post(route: string, body: object, signal: AbortSignal | null = null): Promise<Response> {
  return await fetch(agent.url + route, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
    signal,
  });
}

/** By the official client, which asks for base64 and decodes it. */
async function embed(
  input: string | string[] | number[] | number[][],
  dimensions?: number,
): Promise<number[][]> {
  const { data } = await agent.client.embeddings.create({
    model: MODEL,
    input,
    ...(dimensions === undefined ? {} : { dimensions }),
  });
  return data.map(({ embedding }) => embedding);
}

/** What is answered in one of the two formats. */
async function answerIn(format: string): Promise<ReturnType<typeof embeddingsSchema.parse>> {
  const body = { model: MODEL, input: SENTENCES, encoding_format: format };
  return embeddingsSchema.parse(await (await post('/v1/embeddings', body)).json());
}

function dot(left: readonly number[] = [], right: readonly number[] = []): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? Number.NaN), 0);
}

/** The largest difference of two lists of vectors. */
function difference(left: readonly number[][], right: readonly number[][]): number {
  expect(left.map((vector) => vector.length)).toEqual(right.map((vector) => vector.length));
  return Math.max(
    ...left.flatMap((vector, row) =>
      vector.map((value, index) => Math.abs(value - (right[row]?.[index] ?? Number.NaN))),
    ),
  );
}

async function running(): Promise<number> {
  return (await agent.status()).requests.running;
}

describe('vectors of a real model', () => {
  test('are near for near sentences and far for far ones', async () => {
    const vectors = await embed(SENTENCES);
    for (const vector of vectors) {
      expect(vector).toHaveLength(DIMENSIONS);
      expect(dot(vector, vector)).toBeCloseTo(1, 5);
    }
    const [guitar, again, market] = vectors;
    expect(dot(guitar, again)).toBeGreaterThan(0.55);
    expect(dot(guitar, market)).toBeLessThan(0.15);
    expect(dot(again, market)).toBeLessThan(0.15);
  });

  test('are the same bit for bit as numbers and as base64', async () => {
    const [numbers, text] = [await answerIn('float'), await answerIn('base64')];
    for (const [index, { embedding }] of numbers.data.entries()) {
      const bytes = Buffer.from(Float32Array.from(embedding, Number).buffer);
      expect(bytes.toString('base64')).toBe(text.data[index]?.embedding);
    }
    expect(numbers.usage).toEqual(text.usage);
  });

  test('may be shortened', async () => {
    const [whole = []] = await embed('zebra');
    const [short = []] = await embed('zebra', 64);
    const leading = whole.slice(0, 64);
    const length = Math.sqrt(dot(leading, leading));
    expect(difference([short], [leading.map((value) => value / length)])).toBeLessThan(1e-6);
  });

  test('of 64 inputs in one request are those of each alone', async () => {
    const inputs = Array.from(
      { length: 64 },
      (_, index) => `zebra ${'stripe '.repeat(index % 5)}${String(index)}`,
    );
    const together = await embed(inputs);
    const alone: number[][] = [];
    for (const input of inputs) alone.push(...(await embed(input)));
    expect(difference(together, alone)).toBeLessThan(1e-4);
  });

  test('of 16 requests at a time go to those who asked', async () => {
    const inputs = Array.from(
      { length: 16 },
      (_, index) => `question number ${String(index)} ${'x '.repeat(index % 4)}`,
    );
    const alone: number[][] = [];
    for (const input of inputs) alone.push(...(await embed(input)));
    const answers = await Promise.all(inputs.map(async (input) => await embed(input)));
    expect(difference(answers.flat(), alone)).toBeLessThan(1e-4);
    expect(await running()).toBe(0);
  });

  test('of token ids are those of the text', async () => {
    const answer = await post('/v1/tokenize', { model: MODEL, input: SENTENCES[0] });
    const { tokens, count } = tokenizationSchema.parse(await answer.json());
    expect(count).toBe(tokens.length);
    expect(difference(await embed([tokens]), await embed([SENTENCES[0] ?? '']))).toBeLessThan(1e-6);
    const { usage } = await agent.client.embeddings.create({ model: MODEL, input: [tokens, tokens] });
    expect(usage).toEqual({ prompt_tokens: 2 * count, total_tokens: 2 * count });
    const text = await post('/v1/detokenize', { model: MODEL, tokens });
    expect(await text.json()).toEqual({ text: '[CLS] a man is playing a guitar. [SEP]' });
  });
});

describe('what is refused', () => {
  const long = 'zebra '.repeat(300);
  test.each<[string, string, object, { param: string; code: string }]>([
    ['an empty text', '/v1/embeddings', { input: '' }, { param: 'input', code: 'invalid_value' }],
    [
      'an empty text among others',
      '/v1/embeddings',
      { input: ['a', ''] },
      { param: 'input.1', code: 'invalid_value' },
    ],
    [
      'a text that is too long',
      '/v1/embeddings',
      { input: long },
      { param: 'input', code: 'context_length_exceeded' },
    ],
    [
      'one of several',
      '/v1/embeddings',
      { input: ['a', long] },
      { param: 'input.1', code: 'context_length_exceeded' },
    ],
    [
      'one behind the first question',
      '/v1/embeddings',
      { input: [...Array<string>(300).fill('a'), long] },
      { param: 'input.300', code: 'context_length_exceeded' },
    ],
    ['a foreign token', '/v1/embeddings', { input: [30_522] }, { param: 'input', code: 'invalid_value' }],
    [
      'more dimensions than there are',
      '/v1/embeddings',
      { input: 'a', dimensions: 385 },
      { param: 'dimensions', code: 'invalid_value' },
    ],
    [
      'a foreign token to detokenize',
      '/v1/detokenize',
      { tokens: [30_522] },
      { param: 'tokens', code: 'invalid_value' },
    ],
    [
      'messages',
      '/v1/tokenize',
      { messages: [{ role: 'user', content: 'a' }] },
      { param: 'messages', code: 'invalid_value' },
    ],
    [
      'chat',
      '/v1/chat/completions',
      { messages: [{ role: 'user', content: 'a' }] },
      { param: 'model', code: 'model_not_supported' },
    ],
    [
      'vectors of a text model',
      '/v1/embeddings',
      { model: TEXT_MODEL, input: 'a' },
      { param: 'model', code: 'model_not_supported' },
    ],
  ])('%s', async (_, route, fields, expected) => {
    const response = await post(route, { model: MODEL, ...fields });
    expect(response.status).toBe(400);
    const { error } = openAiErrorSchema.parse(await response.json());
    expect(error).toMatchObject(expected);
    expect(error.message).not.toContain(agent.root);
    expect(await embed('good')).toHaveLength(1);
  });
});

describe('the life of an embedding model', () => {
  test('a client that goes away ends its request', async () => {
    const abort = new AbortController();
    const input = Array<string>(200).fill('stripe '.repeat(200));
    const request = post('/v1/embeddings', { model: MODEL, input }, abort.signal).catch(() => 'aborted');
    await expect.poll(running, { timeout: 10_000, interval: 20 }).toBeGreaterThan(0);
    abort.abort();
    await expect.poll(running, { timeout: 2000, interval: 20 }).toBe(0);
    expect(await request).toBe('aborted');
    expect(await embed('next')).toHaveLength(1);
  });

  test('it is beside a text model, and unloads and loads again', async () => {
    const text = await post('/v1/tokenize', { model: TEXT_MODEL, input: 'zebra' });
    expect(tokenizationSchema.parse(await text.json()).count).toBe(5);
    const workerOf = async (model: string) =>
      (await agent.status()).workers.find((worker) => worker.model === model);
    const pid = (await workerOf(MODEL))?.pid ?? 0;
    expect(await isAlive(pid)).toBe(true);
    expect((await workerOf(TEXT_MODEL))?.pid).not.toBe(pid);
    expect((await agent.admin('/admin/unload', { model: MODEL })).status).toBe(200);
    await expect.poll(() => isAlive(pid), { timeout: 5000 }).toBe(false);
    expect(await embed('again')).toHaveLength(1);
  });

  test('a worker that dies with a question is replaced, and the question asked again', async () => {
    const before = (await agent.status()).workers.find((worker) => worker.model === MODEL);
    const input = Array<string>(20).fill('stripe '.repeat(60));
    const answer = embed(input);
    await expect.poll(running, { timeout: 10_000, interval: 20 }).toBeGreaterThan(0);
    process.kill(before?.pid ?? 0, 'SIGKILL');
    expect(await answer).toHaveLength(20);
  });
});
