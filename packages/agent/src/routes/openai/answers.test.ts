import http from 'node:http';
import {
  chatCompletionChunkSchema,
  chatCompletionSchema,
  completionChunkSchema,
  completionSchema,
  generateFrameSchema,
  openAiErrorSchema,
} from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readEvents } from '../../test-support/read-events.ts';
import { chat, eventually, startTestAgent, type TestAgent } from '../../test-support/test-agent.ts';

let agent: TestAgent;
beforeAll(async () => {
  agent = await startTestAgent({
    models: { m: {}, slow: { load_ms: 400 } },
    config: { request_timeout_seconds: 1.5 },
    overrides: { heartbeatMs: 100 },
  });
});
afterAll(async () => {
  await agent.dispose();
});

const CHAT = '/v1/chat/completions';
const PLAIN = '/v1/completions';

async function events(route: string, body: unknown): Promise<string[]> {
  const response = await agent.post(route, body);
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  return readEvents(await response.text());
}

function running(): number {
  return agent.services.pool.peek('m')?.runningCount ?? 0;
}

/** Completion tokens of model m so far, by the metrics. */
async function generationTokens(): Promise<number> {
  const metrics = await (await fetch(`${agent.url}/metrics`)).text();
  return Number(/^vllm:generation_tokens_total\{model_name="m"\} (\d+)$/m.exec(metrics)?.[1] ?? 0);
}

describe('whole answers', () => {
  test('chat', async () => {
    const response = await agent.post(CHAT, chat('one two tokens=3'));
    const completion = chatCompletionSchema.strict().parse(await response.json());
    expect(completion).toMatchObject({
      id: expect.stringMatching(/^chatcmpl-/),
      model: 'm',
      choices: [{ message: { content: 't0 t1 t2 ' }, finish_reason: 'stop' }],
      usage: { prompt_tokens: 3, completion_tokens: 3, total_tokens: 6 },
    });
    expect(completion.timings.tokens_per_second).toBeCloseTo(1000);
  });

  test('several choices have their indexes and seeds, and the prompt counts once', async () => {
    const response = await agent.post(
      CHAT,
      chat('a b', { n: 3, seed: 7, max_tokens: 2, return_token_ids: true }),
    );
    const { choices, usage } = chatCompletionSchema.parse(await response.json());
    expect(choices.map(({ index, token_ids: ids }) => [index, ids])).toEqual([
      [0, [7, 7]],
      [1, [8, 8]],
      [2, [9, 9]],
    ]);
    expect(usage).toMatchObject({ prompt_tokens: 2, completion_tokens: 6 });
  });

  test('several prompts, each with several choices', async () => {
    const body = { model: 'm', prompt: ['tokens=1', 'a tokens=2'], n: 2, return_token_ids: true };
    const completion = completionSchema.strict().parse(await (await agent.post(PLAIN, body)).json());
    expect(completion.id).toMatch(/^cmpl-/);
    expect(completion.choices.map(({ text }) => text)).toEqual(['t0 ', 't0 ', 't0 t1 ', 't0 t1 ']);
    expect(completion.usage).toMatchObject({ prompt_tokens: 3, completion_tokens: 6 });
  });

  test.each([[[1, 2, 3]], [[[1, 2], [3]]]])('prompts as token ids: %j', async (prompt) => {
    const response = await agent.post(PLAIN, { model: 'm', prompt, max_tokens: 1 });
    const { choices } = completionSchema.parse(await response.json());
    expect(choices).toHaveLength(Array.isArray(prompt[0]) ? 2 : 1);
  });

  test('a plain completion has 16 tokens unless it asks for more', async () => {
    const response = await agent.post(PLAIN, { model: 'm', prompt: 'a' });
    expect(await response.json()).toMatchObject({ usage: { completion_tokens: 16 } });
  });

  test('echo puts the prompt in front of each of its choices', async () => {
    const body = { model: 'm', prompt: ['a tokens=1', 'b tokens=1'], n: 2, best_of: 2, echo: true };
    const completion = completionSchema.strict().parse(await (await agent.post(PLAIN, body)).json());
    expect(completion.choices.map(({ text }) => text)).toEqual([
      'a tokens=1t0 ',
      'a tokens=1t0 ',
      'b tokens=1t0 ',
      'b tokens=1t0 ',
    ]);
  });

  test.each([CHAT, PLAIN])('%s says which stop text ended a choice', async (route) => {
    const prompt = 'tokens=1 stopped-by=END';
    const body = route === CHAT ? chat(prompt) : { model: 'm', prompt };
    expect(await (await agent.post(route, body)).json()).toMatchObject({
      choices: [{ finish_reason: 'stop', stop_reason: 'END' }],
    });
    const all = await events(route, { ...body, stream: true });
    expect(JSON.parse(all.at(-2) ?? '')).toMatchObject({
      choices: [{ finish_reason: 'stop', stop_reason: 'END' }],
    });
  });

  test('every part of an answer that calls, in several choices', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const body = chat('reasoning=2 say=Hello call=f:{"a":1}', { tools, n: 2, logprobs: true });
    const completion = chatCompletionSchema.strict().parse(await (await agent.post(CHAT, body)).json());
    const choice = {
      message: {
        role: 'assistant',
        content: 'Hello',
        refusal: null,
        reasoning_content: 'r0 r1 ',
        tool_calls: [{ id: 'call_0', type: 'function', function: { name: 'f', arguments: '{"a":1}' } }],
      },
      finish_reason: 'tool_calls',
    };
    expect(completion.choices).toMatchObject([choice, choice]);
    expect(completion.choices[1]?.logprobs?.content.map(({ token }) => token)).toEqual(['Hell', 'o']);
    expect(completion.usage.completion_tokens_details).toEqual({ reasoning_tokens: 4 });
  });

  test('the worker is asked for what the request says', async () => {
    const { choices } = completionSchema.parse(
      await (
        await agent.post(PLAIN, {
          model: 'm',
          prompt: 'show-frame',
          max_tokens: 900,
          logprobs: 2,
          response_format: { type: 'json_object' },
        })
      ).json(),
    );
    expect(generateFrameSchema.parse(JSON.parse(choices[0]?.text ?? ''))).toMatchObject({
      max_tokens: 900,
      logprobs: 2,
      cache_scope: null,
      constraint: { kind: 'json_object' },
      tool_choice: 'none',
    });
  });

  test('a request that runs too long ends with 504', async () => {
    const response = await agent.post(CHAT, chat('mute'));
    expect(response.status).toBe(504);
    expect(openAiErrorSchema.parse(await response.json()).error.code).toBe('request_timeout');
    expect(running()).toBe(0);
  });
});

describe('streams', () => {
  test('every chunk of a chat is as the protocol says', async () => {
    const all = await events(
      CHAT,
      chat('one tokens=3', { stream: true, stream_options: { include_usage: true } }),
    );
    expect(all.pop()).toBe('[DONE]');
    const chunks = all.map((event) => chatCompletionChunkSchema.strict().parse(JSON.parse(event)));
    expect(chunks[0]?.choices[0]?.delta).toEqual({ role: 'assistant', content: '' });
    expect(chunks.map((chunk) => chunk.choices[0]?.delta.content ?? '').join('')).toBe('t0 t1 t2 ');
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)).toMatchObject({ choices: [], usage: { prompt_tokens: 2, completion_tokens: 3 } });
    expect(chunks.slice(0, -1).every(({ usage }) => usage === null)).toBe(true);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
  });

  test('without include_usage there is none, and the last chunk has the timings', async () => {
    const all = await events(CHAT, chat('tokens=1', { stream: true }));
    const chunks = all
      .slice(0, -1)
      .map((event) => chatCompletionChunkSchema.strict().parse(JSON.parse(event)));
    expect(chunks.every((chunk) => !('usage' in chunk))).toBe(true);
    expect(chunks.at(-1)?.timings?.tokens_per_second).toBeGreaterThan(0);
  });

  test('steps that the worker gathered into one frame are events of their own, in order', async () => {
    const before = await generationTokens();
    const response = await agent.post(
      CHAT,
      chat('gather=4 tokens=10', {
        stream: true,
        max_tokens: 10,
        return_token_ids: true,
        stream_options: { include_usage: true },
      }),
    );
    const all = readEvents(await response.text());
    const chunks = all.slice(0, -1).map((event) => chatCompletionChunkSchema.parse(JSON.parse(event)));
    const deltas = chunks.filter(({ choices }) => (choices[0]?.delta.content ?? '') !== '');
    expect(deltas.map(({ choices }) => choices[0]?.delta.content)).toEqual(
      Array.from({ length: 10 }, (_, index) => `t${String(index)} `),
    );
    expect(deltas.map(({ choices }) => choices[0]?.token_ids)).toEqual(
      Array.from({ length: 10 }, (_, index) => [index]),
    );
    expect(chunks.at(-2)?.choices[0]?.finish_reason).toBe('stop');
    expect(chunks.at(-1)?.usage).toMatchObject({ completion_tokens: 10 });
    expect((await generationTokens()) - before).toBe(10);
    const whole = await agent.post(CHAT, chat('gather=4 tokens=10', { max_tokens: 10 }));
    expect(await whole.json()).toMatchObject({
      choices: [{ message: { content: 't0 t1 t2 t3 t4 t5 t6 t7 t8 t9 ' } }],
      usage: { completion_tokens: 10 },
    });
  });

  test('choices are interleaved, each complete', async () => {
    const all = await events(CHAT, chat('tokens=4', { stream: true, n: 3, return_token_ids: true }));
    const texts = ['', '', ''];
    for (const event of all.slice(0, -1)) {
      const { choices } = chatCompletionChunkSchema.parse(JSON.parse(event));
      for (const choice of choices) texts[choice.index] += choice.delta.content ?? '';
    }
    expect(texts).toEqual(Array(3).fill('t0 t1 t2 t3 '));
  });

  test('plain completions', async () => {
    const all = await events(PLAIN, {
      model: 'm',
      prompt: 'tokens=2',
      stream: true,
      stream_options: { include_usage: true },
    });
    expect(all.pop()).toBe('[DONE]');
    const chunks = all.map((event) => completionChunkSchema.strict().parse(JSON.parse(event)));
    expect(chunks.map((chunk) => chunk.choices[0]?.text ?? '').join('')).toBe('t0 t1 ');
  });

  test('plain completions with their prompts, and with log-probabilities', async () => {
    const echoed = await events(PLAIN, { model: 'm', prompt: 'tokens=2', echo: true, stream: true });
    const texts = echoed.slice(0, -1).map((event) => completionChunkSchema.strict().parse(JSON.parse(event)));
    expect(texts.map(({ choices }) => choices[0]?.text)).toEqual(['tokens=2', 't0 ', 't1 ', '']);
    const scored = await events(PLAIN, { model: 'm', prompt: 'tokens=2', logprobs: 0, stream: true });
    const chunks = scored
      .slice(0, -1)
      .map((event) => completionChunkSchema.strict().parse(JSON.parse(event)));
    expect(chunks.map(({ choices }) => choices[0]?.logprobs)).toEqual([
      { tokens: ['t0 '], token_logprobs: [-0.5], top_logprobs: null, text_offset: [0] },
      { tokens: ['t1 '], token_logprobs: [-0.5], top_logprobs: null, text_offset: [3] },
      null,
    ]);
  });

  test('the parts of calls and of reasoning are chunks of their own', async () => {
    const tools = [{ type: 'function', function: { name: 'f' } }];
    const all = await events(CHAT, chat('reasoning=1 call=f:{"a":1}', { tools, stream: true }));
    const chunks = all
      .slice(0, -1)
      .map((event) => chatCompletionChunkSchema.strict().parse(JSON.parse(event)));
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '' },
      { reasoning_content: 'r0 ' },
      { tool_calls: [{ index: 0, id: 'call_0', type: 'function', function: { name: 'f', arguments: '' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '{"a' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '":1}' } }] },
      {},
    ]);
    expect(chunks.at(-1)?.choices[0]?.finish_reason).toBe('tool_calls');
  });

  test('a request that fails before it began has a status of its own', async () => {
    const response = await agent.post(CHAT, chat('too-long', { stream: true }));
    expect([response.status, response.headers.get('content-type')]).toEqual([
      400,
      'application/json; charset=utf-8',
    ]);
  });

  test('comments keep a waiting stream open, and an error then is an event', async () => {
    const all = await events(CHAT, chat('tokens=1', { model: 'slow', stream: true }));
    expect(all[0]).toBe(': waiting');
    expect(all.at(-1)).toBe('[DONE]');
    const timedOut = await events(CHAT, chat('mute', { stream: true }));
    const { error } = openAiErrorSchema.parse(JSON.parse(timedOut.at(-1) ?? ''));
    expect(error.code).toBe('request_timeout');
  });

  test('a client that does not read is cut off, and memory stays bounded', async () => {
    const request = http.request(agent.url + CHAT, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
    });
    request.on('error', () => {});
    request.on('response', (response) => {
      response.pause();
      response.on('error', () => {});
    });
    request.end(JSON.stringify(chat('flood=500000', { stream: true, max_tokens: 900 })));
    await eventually(() => running() === 1, 'the request runs');
    await eventually(() => running() === 0, 'the request is ended');
    expect(await (await fetch(`${agent.url}/metrics`)).text()).toMatch(/code="client_too_slow"\} 1/);
    request.destroy();
  });
});

describe('a client that goes away', () => {
  test.each([
    ['while it decodes, streaming', 'm', 'tokens=900', true],
    ['while it decodes, not streaming', 'm', 'tokens=900', false],
    ['before its first token', 'm', 'mute', true],
  ])('%s', async (_, model, prompt, stream) => {
    const abort = new AbortController();
    const body = chat(prompt, { model, stream, max_tokens: 900 });
    const response = agent
      .post(CHAT, body, { signal: abort.signal })
      .then(async (answer) => await answer.text())
      .catch(() => null);
    await eventually(() => running() === 1, 'the request runs');
    abort.abort();
    await eventually(() => running() === 0, 'the request is cancelled');
    await response;
    const { pool } = agent.services;
    expect(pool.runtimes.every(({ waitingCount }) => waitingCount === 0)).toBe(true);
  });

  test('while the model is loaded', async () => {
    const runtime = agent.services.pool.peek('slow');
    await runtime?.unload(true);
    const abort = new AbortController();
    const body = chat('tokens=900', { model: 'slow' });
    const response = agent.post(CHAT, body, { signal: abort.signal }).catch(() => null);
    await eventually(() => agent.services.pool.peek('slow')?.waitingCount === 1, 'the request waits');
    abort.abort();
    await eventually(() => agent.services.pool.peek('slow')?.waitingCount === 0, 'the request is gone');
    expect(await response).toBeNull();
  });
});
