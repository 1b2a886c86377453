import OpenAI from 'openai';
import { zodResponseFormat } from 'openai/helpers/zod';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { startTestAgent, type TestAgent } from '../packages/agent/src/test-support/test-agent.ts';

let agent: TestAgent;
let client: OpenAI;
beforeAll(async () => {
  agent = await startTestAgent({ models: { m: {} } });
  client = new OpenAI({ baseURL: `${agent.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
afterAll(async () => {
  await agent.dispose();
});

/** The fake worker does what the prompt says. */
function asking(prompt: string) {
  return { model: 'm', messages: [{ role: 'user' as const, content: prompt }] };
}

const weather = {
  type: 'function' as const,
  function: {
    name: 'weather',
    parameters: { type: 'object', properties: { city: { type: 'string' } }, required: ['city'] },
  },
};
const TWO_CALLS = 'call=weather:{"city":"Oslo"} call=weather:{"city":"Bergen"}';

describe('tools', () => {
  test('a stream of calls is put together', async () => {
    const stream = client.chat.completions.stream({ ...asking(`say=Look ${TWO_CALLS}`), tools: [weather] });
    const done: string[] = [];
    stream.on('tool_calls.function.arguments.done', ({ name, arguments: args }) => done.push(name + args));
    const [choice] = (await stream.finalChatCompletion()).choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toBe('Look');
    expect(choice?.message.tool_calls).toMatchObject([
      { id: 'call_0', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } },
      { id: 'call_1', type: 'function', function: { name: 'weather', arguments: '{"city":"Bergen"}' } },
    ]);
    expect(done).toEqual(['weather{"city":"Oslo"}', 'weather{"city":"Bergen"}']);
  });

  test('calls in a whole answer, without text', async () => {
    const { choices } = await client.chat.completions.create({ ...asking(TWO_CALLS), tools: [weather] });
    expect(choices[0]?.message).toMatchObject({
      content: null,
      tool_calls: [{ function: { arguments: '{"city":"Oslo"}' } }, { id: 'call_1' }],
    });
    expect(choices[0]?.finish_reason).toBe('tool_calls');
  });

  test('the helper runs functions and comes back with their results', async () => {
    const cities: string[] = [];
    const runner = client.chat.completions.runTools(
      {
        ...asking('call=weather:{"city":"Oslo"}'),
        tools: [
          {
            type: 'function',
            function: {
              name: 'weather',
              description: 'The weather of a city',
              parameters: weather.function.parameters,
              parse: (text: string) => z.object({ city: z.string() }).parse(JSON.parse(text)),
              function: ({ city }: { city: string }) => {
                cities.push(city);
                return 'sunny';
              },
            },
          },
        ],
      },
      { maxChatCompletions: 2 },
    );
    await runner.done();
    expect(cities[0]).toBe('Oslo');
    expect(runner.messages.map(({ role }) => role).slice(0, 4)).toEqual([
      'user',
      'assistant',
      'tool',
      'assistant',
    ]);
  });
});

const place = z.object({ name: z.string(), visits: z.int() });

describe('JSON by a schema', () => {
  const request = {
    ...asking('say={"name":"Å","visits":3}'),
    response_format: zodResponseFormat(place, 'place'),
  };

  test('is parsed by the helper', async () => {
    const { choices } = await client.chat.completions.parse(request);
    expect(choices[0]?.message.parsed).toEqual({ name: 'Å', visits: 3 });
  });

  test('is parsed from a stream', async () => {
    const final = await client.chat.completions.stream(request).finalChatCompletion();
    expect(final.choices[0]?.message.parsed).toEqual({ name: 'Å', visits: 3 });
  });
});

test('log-probabilities, whole and from a stream', async () => {
  const request = { ...asking('tokens=3'), logprobs: true, top_logprobs: 2 };
  const whole = (await client.chat.completions.create(request)).choices[0]?.logprobs;
  const streamed = (await client.chat.completions.stream(request).finalChatCompletion()).choices[0]?.logprobs;
  expect(whole?.content?.map(({ token }) => token)).toEqual(['t0 ', 't1 ', 't2 ']);
  expect(whole?.content?.[1]).toEqual({
    token: 't1 ',
    bytes: [...Buffer.from('t1 ')],
    logprob: -0.5,
    top_logprobs: [
      { token: 't1 ', bytes: [...Buffer.from('t1 ')], logprob: -0.5 },
      { token: 'o1', bytes: [...Buffer.from('o1')], logprob: -1.5 },
    ],
  });
  expect(streamed).toEqual(whole);
});

test('log-probabilities of plain completions', async () => {
  const { choices } = await client.completions.create({ model: 'm', prompt: 'tokens=2', logprobs: 2 });
  expect(choices[0]?.logprobs).toEqual({
    tokens: ['t0 ', 't1 '],
    token_logprobs: [-0.5, -0.5],
    top_logprobs: [
      { 't0 ': -0.5, o1: -1.5 },
      { 't1 ': -0.5, o1: -1.5 },
    ],
    text_offset: [0, 3],
  });
});

test('reasoning comes apart from the answer and is counted', async () => {
  const request = asking('reasoning=2 say=Yes');
  const whole = await client.chat.completions.create(request);
  expect(whole.choices[0]?.message).toMatchObject({ content: 'Yes', reasoning_content: 'r0 r1 ' });
  expect(whole.usage?.completion_tokens_details?.reasoning_tokens).toBe(2);

  const deltas: object[] = [];
  const stream = await client.chat.completions.create({
    ...request,
    stream: true,
    stream_options: { include_usage: true },
  });
  for await (const { choices, usage } of stream) deltas.push(choices[0]?.delta ?? usage ?? {});
  expect(deltas).toMatchObject([
    { role: 'assistant', content: '' },
    { reasoning_content: 'r0 ' },
    { reasoning_content: 'r1 ' },
    { content: 'Yes' },
    {},
    { completion_tokens: 3, completion_tokens_details: { reasoning_tokens: 2 } },
  ]);
});

test('an error before the first token has its status, and one in the middle of a stream is thrown', async () => {
  await expect(client.chat.completions.create({ ...asking('invalid'), stream: true })).rejects.toMatchObject({
    status: 400,
    code: 'invalid_value',
  });
  const stream = await client.chat.completions.create({
    ...asking('tokens=9 crash=3'),
    max_tokens: 9,
    stream: true,
  });
  let text = '';
  const read = async (): Promise<void> => {
    for await (const { choices } of stream) text += choices[0]?.delta.content ?? '';
  };
  await expect(read()).rejects.toMatchObject({ code: 'worker_crashed', type: 'service_unavailable_error' });
  expect(text).toBe('t0 t1 t2 ');
});
