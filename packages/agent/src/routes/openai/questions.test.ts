import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import {
  detokenizationSchema,
  embeddingsSchema,
  openAiErrorSchema,
  tokenizationSchema,
} from '@mlxfleet/protocol';
import pino from 'pino';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat, eventually, startTestAgent, type TestAgent } from '../../test-support/test-agent.ts';

const EMBEDDINGS = '/v1/embeddings';
const TOKENIZE = '/v1/tokenize';
const DETOKENIZE = '/v1/detokenize';
const CHAT = '/v1/chat/completions';

/** What the agent has logged. */
const lines: unknown[] = [];

let agent: TestAgent;
beforeAll(async () => {
  const log = pino({}, { write: (line: string) => lines.push(JSON.parse(line)) });
  agent = await startTestAgent({ overrides: { log } });
  const folder = path.join(agent.root, 'shared', 'models', 'vectors');
  mkdirSync(folder);
  writeFileSync(path.join(folder, 'config.json'), JSON.stringify({ fake: {}, model_type: 'bert' }));
});
afterAll(async () => {
  await agent.dispose();
});

/** An embeddings request of the fake model. */
function input(value: unknown, more: Readonly<Record<string, unknown>> = {}): object {
  return { model: 'vectors', input: value, ...more };
}

async function embeddings(body: object): Promise<ReturnType<typeof embeddingsSchema.parse>> {
  return embeddingsSchema.parse(await (await agent.post(EMBEDDINGS, body)).json());
}

describe('embeddings', () => {
  test('have the shape of the OpenAI API', async () => {
    expect(await embeddings(input('zebra'))).toEqual({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: [1, 0, 0, 0] }],
      model: 'vectors',
      usage: { prompt_tokens: 5, total_tokens: 5 },
    });
  });

  test.each([
    ['texts', ['a', 'b', 'c'], 3],
    ['token ids', [1, 2, 3], 1],
    ['lists of token ids', [[1], [2, 3]], 2],
    ['one long list of token ids', Array<number>(3000).fill(1), 1],
    ['as many as there may be', Array<string>(2048).fill('a'), 2048],
  ])('of %s', async (_, value, count) => {
    const { data } = await embeddings(input(value));
    expect(data.map(({ index }) => index)).toEqual(Array.from({ length: count }, (__, index) => index));
    expect(data.every(({ embedding }) => embedding.length === 4)).toBe(true);
  });

  test('base64 holds the same numbers', async () => {
    const { data } = await embeddings(input('a', { encoding_format: 'base64', dimensions: 2 }));
    const [first] = data;
    const bytes = Buffer.from(String(first?.embedding), 'base64');
    expect([bytes.length, bytes.readFloatLE(0), bytes.readFloatLE(4)]).toEqual([8, 1, 0]);
  });

  test('null is absent, and fields for bookkeeping are ignored', async () => {
    const fields = { encoding_format: null, dimensions: null, user: 'me', unheard_of: 1, truncate: false };
    expect((await agent.post(EMBEDDINGS, input('a', fields))).status).toBe(200);
  });

  test('count as work, and not as completions', async () => {
    await embeddings(input('zebra'));
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    expect(metrics).toMatch(/^vllm:prompt_tokens_total\{model_name="vectors"\} [1-9]/m);
    expect(metrics).toMatch(
      /^mlxfleet_question_latency_seconds_count\{model_name="vectors",route="\/v1\/embeddings"\} [1-9]/m,
    );
    expect(metrics).not.toMatch(/^vllm:(request_success|e2e_request_latency)\w+\{.*model_name="vectors"/m);
  });

  test('a client that goes away ends its question', async () => {
    const running = () => agent.services.pool.peek('vectors')?.runningCount;
    const abort = new AbortController();
    const request = agent.post(EMBEDDINGS, input('mute'), { signal: abort.signal }).catch(() => 'aborted');
    await eventually(() => running() === 1, 'the worker has the question');
    abort.abort();
    await eventually(() => running() === 0, 'the worker is rid of it');
    expect(await request).toBe('aborted');
    expect(lines).toContainEqual(
      expect.objectContaining({ model: 'vectors', route: EMBEDDINGS, msg: 'the client went away' }),
    );
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    expect(metrics).toMatch(/^mlxfleet_requests_cancelled_total\{model_name="vectors"\} 1$/m);
  });
});

describe('tokens', () => {
  test('of a text, and back', async () => {
    const tokenized = await agent.post(TOKENIZE, { model: 'm', input: 'hi' });
    expect(tokenizationSchema.parse(await tokenized.json())).toEqual({ tokens: [104, 105], count: 2 });
    const text = await agent.post(DETOKENIZE, { model: 'm', tokens: [104, 105] });
    expect(detokenizationSchema.parse(await text.json())).toEqual({ text: 'hi' });
  });

  test('of a model that is not there leave no name in the metrics', async () => {
    const made = await agent.post(TOKENIZE, { model: 'made-up', input: 'hi' });
    expect(made.status).toBe(404);
    const long = await agent.post(TOKENIZE, { model: 'x'.repeat(201), input: 'hi' });
    expect([long.status, await long.json()]).toMatchObject([400, { error: { param: 'model' } }]);
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    expect(metrics).toMatch(/^mlxfleet_request_failures_total\{code="model_not_found"\} 1$/m);
    expect(metrics).not.toContain('made-up');
  });

  test('more than a worker answers at once are refused', async () => {
    const tokens = Array<number>(1_000_001).fill(65);
    const many = await agent.post(DETOKENIZE, { model: 'm', tokens });
    expect([many.status, await many.json()]).toMatchObject([
      400,
      { error: { param: 'tokens', message: /must hold at most 1000000 tokens/ } },
    ]);
    const most = await agent.post(DETOKENIZE, { model: 'm', tokens: tokens.slice(0, 2000) });
    expect(await most.json()).toEqual({ text: 'A'.repeat(2000) });
  });

  test('of a text alone, without what stands around a prompt', async () => {
    const text = { model: 'm', input: 'hi' };
    const bare = await agent.post(TOKENIZE, { ...text, add_special_tokens: false });
    expect(await bare.json()).toEqual({ tokens: [105], count: 1 });
    const whole = await agent.post(TOKENIZE, { ...text, add_special_tokens: true });
    expect(await whole.json()).toEqual({ tokens: [104, 105], count: 2 });
    const messages = [{ role: 'user', content: 'hi' }];
    const rendered = await agent.post(TOKENIZE, { model: 'm', messages, add_special_tokens: false });
    expect(await rendered.json()).toEqual({ tokens: [104, 105], count: 2 });
  });

  test('of nothing are none', async () => {
    const tokenized = await agent.post(TOKENIZE, { model: 'm', input: '' });
    expect(await tokenized.json()).toEqual({ tokens: [], count: 0 });
    expect(await (await agent.post(DETOKENIZE, { model: 'm', tokens: [] })).json()).toEqual({ text: '' });
  });

  test('of messages', async () => {
    const messages = [{ role: 'user', content: [{ type: 'text', text: 'hi' }] }];
    const tokenized = await agent.post(TOKENIZE, { model: 'm', messages });
    expect(await tokenized.json()).toEqual({ tokens: [104, 105], count: 2 });
  });

  test('of an embedding model', async () => {
    expect((await agent.post(TOKENIZE, { model: 'vectors', input: 'hi' })).status).toBe(200);
  });
});

test.each([
  [EMBEDDINGS, input('a-very-private-text')],
  [TOKENIZE, { model: 'm', input: 'a-very-private-text' }],
  [DETOKENIZE, { model: 'm', tokens: [104] }],
  ['/v1/messages/count_tokens', { model: 'm', messages: [{ role: 'user', content: 'a-very-private-text' }] }],
])('an answer of %s leaves one line in the log, by its id and without its text', async (route, body) => {
  const id = `of:${route}`;
  const answer = await agent.post(route, body, { headers: { 'x-request-id': id } });
  expect(answer.status).toBe(200);
  expect(lines.filter((line) => Object(line).reqId === id)).toEqual([
    expect.objectContaining({ level: 30, model: Object(body).model, route, msg: 'answered' }),
  ]);
  expect(JSON.stringify(lines)).not.toContain('a-very-private-text');
});

describe('what is refused', () => {
  test.each<[string, string, unknown, { status: number; param?: string; code?: string; message?: RegExp }]>([
    [
      'no input',
      EMBEDDINGS,
      { model: 'vectors' },
      { status: 400, param: 'input', code: 'missing_required_parameter' },
    ],
    [
      'no model',
      EMBEDDINGS,
      { input: 'a' },
      { status: 400, param: 'model', code: 'missing_required_parameter' },
    ],
    ['an empty list', EMBEDDINGS, input([]), { status: 400, param: 'input' }],
    ['an empty list of tokens', EMBEDDINGS, input([[]]), { status: 400, param: 'input.0' }],
    ['a number', EMBEDDINGS, input(5), { status: 400, param: 'input', code: 'invalid_type' }],
    ['an object', EMBEDDINGS, input({ text: 'a' }), { status: 400, param: 'input' }],
    ['texts and tokens together', EMBEDDINGS, input(['a', 5]), { status: 400 }],
    ['tokens below 0', EMBEDDINGS, input([-1]), { status: 400 }],
    ['tokens that are not whole', EMBEDDINGS, input([1.5]), { status: 400 }],
    [
      'too many inputs',
      EMBEDDINGS,
      input(Array<string>(2049).fill('a')),
      { status: 400, param: 'input', code: 'invalid_value', message: /at most 2048/ },
    ],
    [
      'an unknown format',
      EMBEDDINGS,
      input('a', { encoding_format: 'int8' }),
      { status: 400, param: 'encoding_format' },
    ],
    ['no dimensions', EMBEDDINGS, input('a', { dimensions: 0 }), { status: 400, param: 'dimensions' }],
    ['half a dimension', EMBEDDINGS, input('a', { dimensions: 1.5 }), { status: 400, param: 'dimensions' }],
    [
      'cutting off',
      EMBEDDINGS,
      input('a', { truncate: true }),
      { status: 400, param: 'truncate', code: 'unsupported_parameter' },
    ],
    [
      'a prefix',
      EMBEDDINGS,
      input('a', { input_type: 'query' }),
      { status: 400, param: 'input_type', message: /put it in front/ },
    ],
    [
      'what the worker refuses',
      EMBEDDINGS,
      input('invalid'),
      { status: 400, param: 'input', message: /fake refuses/ },
    ],
    [
      'an unknown model',
      EMBEDDINGS,
      { model: 'nothing', input: 'a' },
      { status: 404, code: 'model_not_found' },
    ],
    [
      'vectors of a model that generates text',
      EMBEDDINGS,
      { model: 'm', input: 'a' },
      { status: 400, param: 'model', code: 'model_not_supported', message: /'m' generates text/ },
    ],
    [
      'chat with an embedding model',
      CHAT,
      chat('a', { model: 'vectors' }),
      { status: 400, param: 'model', code: 'model_not_supported', message: /turns text into vectors/ },
    ],
    [
      'a completion of one',
      '/v1/completions',
      { model: 'vectors', prompt: 'a' },
      { status: 400, code: 'model_not_supported' },
    ],
    [
      'a stream of one',
      CHAT,
      chat('a', { model: 'vectors', stream: true }),
      { status: 400, code: 'model_not_supported' },
    ],
    [
      'nothing to tokenize',
      TOKENIZE,
      { model: 'm' },
      { status: 400, param: 'input', code: 'missing_required_parameter', message: /'input' or 'messages'/ },
    ],
    [
      'a list to tokenize',
      TOKENIZE,
      { model: 'm', input: ['a'] },
      { status: 400, param: 'input', code: 'invalid_type' },
    ],
    [
      'a text and messages',
      TOKENIZE,
      { model: 'm', input: 'a', messages: [{ role: 'user', content: 'a' }] },
      { status: 400, param: 'messages' },
    ],
    [
      'special tokens around messages',
      TOKENIZE,
      { model: 'm', messages: [{ role: 'user', content: 'a' }], add_special_tokens: true },
      { status: 400, param: 'add_special_tokens', code: 'unsupported_parameter', message: /template/ },
    ],
    [
      'special tokens as a number',
      TOKENIZE,
      { model: 'm', input: 'a', add_special_tokens: 0 },
      { status: 400, param: 'add_special_tokens', code: 'invalid_type' },
    ],
    [
      'no tokens',
      DETOKENIZE,
      { model: 'm' },
      { status: 400, param: 'tokens', code: 'missing_required_parameter' },
    ],
    ['a text as tokens', DETOKENIZE, { model: 'm', tokens: 'a' }, { status: 400, param: 'tokens' }],
    ['a token that is a text', DETOKENIZE, { model: 'm', tokens: ['a'] }, { status: 400, param: 'tokens.0' }],
    ['a token below 0', DETOKENIZE, { model: 'm', tokens: [-1] }, { status: 400, param: 'tokens.0' }],
  ])('%s', async (_, route, body, { status, message = /./, ...fields }) => {
    const response = await agent.post(route, body);
    const { error } = openAiErrorSchema.parse(await response.json());
    expect([response.status, error]).toMatchObject([status, fields]);
    expect(error.message).toMatch(message);
    expect((await agent.post(EMBEDDINGS, input('good'))).status).toBe(200);
  });

  test('vectors on a host without the vision environment', async () => {
    const blind = await startTestAgent({
      models: { vectors: { weights: 8 } },
      overrides: { worker: { python: '/bin/false', source: '/nowhere' } },
    });
    try {
      const config = path.join(blind.root, 'shared', 'models', 'vectors', 'config.json');
      writeFileSync(config, JSON.stringify({ model_type: 'bert' }));
      const response = await blind.post(EMBEDDINGS, input('a'));
      const { error } = openAiErrorSchema.parse(await response.json());
      expect([response.status, error.code]).toEqual([503, 'vision_environment_missing']);
    } finally {
      await blind.dispose();
    }
  });
});
