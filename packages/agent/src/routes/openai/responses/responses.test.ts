import {
  generateFrameSchema,
  openAiErrorSchema,
  type ResponseEvent,
  responseEventSchema,
  responseObjectSchema,
} from '@mlxfleet/protocol';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readNamedEvents } from '../../../test-support/read-named-events.ts';
import { eventually, startTestAgent, type TestAgent } from '../../../test-support/test-agent.ts';

const ROUTE = '/v1/responses';
let agent: TestAgent;
let client: OpenAI;
beforeAll(async () => {
  agent = await startTestAgent({
    models: { m: {}, slow: { load_ms: 400 }, fragile: {} },
    config: { request_timeout_seconds: 1.5 },
    overrides: { heartbeatMs: 100 },
  });
  client = new OpenAI({ baseURL: `${agent.url}/v1`, apiKey: 'a-key', maxRetries: 0 });
});
afterAll(async () => {
  await agent.dispose();
});

const f = { type: 'function' as const, name: 'f', parameters: { type: 'object' }, strict: null };

/** The words of the input tell the fake worker what to do. */
async function events(input: string, fields: object = {}): Promise<ResponseEvent[]> {
  const response = await agent.post(ROUTE, { model: 'm', input, stream: true, ...fields });
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  const text = (await response.text()).replaceAll(': waiting\n\n', '');
  const all = readNamedEvents(text).map((event) => responseEventSchema.parse(event));
  expect(all.map(({ sequence_number: number }) => number)).toEqual([...all.keys()]);
  return all;
}

/** Types of events with their place, and the text of those that have one. */
function told(all: readonly ResponseEvent[]): string[] {
  return all.map((event) => {
    const place = 'output_index' in event ? `${String(event.output_index)} ` : '';
    const what = 'delta' in event ? ` ${event.delta}` : '';
    return `${place}${event.type.replace('response.', '')}${what}`;
  });
}

function withoutIds(output: readonly object[]): object[] {
  return output.map((item) => ({ ...item, id: '', parsed_arguments: null, content: null }));
}

function running(): number {
  return agent.services.pool.peek('m')?.runningCount ?? 0;
}

describe("OpenAI's client", () => {
  test('gets a whole response', async () => {
    const { output_text: text, ...response } = await client.responses.create({
      model: 'm',
      input: 'cached=1 reasoning=2 say=hello-world',
      metadata: { a: 'b' },
    });
    expect(text).toBe('hello-world');
    expect(responseObjectSchema.strict().parse(response)).toMatchObject({
      id: expect.stringMatching(/^resp_[0-9a-f]{24}$/),
      status: 'completed',
      completed_at: expect.any(Number),
      output: [
        { type: 'reasoning', status: 'completed', content: [{ text: 'r0 r1 ' }] },
        { type: 'message', status: 'completed', content: [{ text: 'hello-world', logprobs: [] }] },
      ],
      metadata: { a: 'b' },
      usage: {
        input_tokens: 3,
        input_tokens_details: { cached_tokens: 1 },
        output_tokens: 5,
        output_tokens_details: { reasoning_tokens: 2 },
        total_tokens: 8,
      },
      timings: { tokens_per_second: expect.any(Number) },
    });
  });

  test('streams, and puts together what a whole response would be', async () => {
    const body = { model: 'm', input: 'reasoning=2 say=hello-world call=f:{"a":1} call=f:{}', tools: [f] };
    const texts: string[] = [];
    const stream = client.responses.stream(body);
    stream.on('response.output_text.delta', ({ delta }) => texts.push(delta));
    const streamed = await stream.finalResponse();
    const whole = await client.responses.create(body);
    expect(texts).toEqual(['hell', 'o-wo', 'rld']);
    expect(withoutIds(streamed.output)).toEqual(withoutIds(whole.output));
    expect(streamed.output_text).toBe(whole.output_text);
    expect(whole.output).toMatchObject([
      { type: 'reasoning' },
      { type: 'message' },
      { type: 'function_call', call_id: 'call_0', name: 'f', arguments: '{"a":1}' },
      { type: 'function_call', call_id: 'call_1', name: 'f', arguments: '{}' },
    ]);
  });

  test('parses JSON by a schema', async () => {
    const schema = { type: 'object', properties: { a: { type: 'integer' } }, required: ['a'] };
    const parsed = await client.responses.parse({
      model: 'm',
      input: 'say={"a":5}',
      text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } },
    });
    expect(parsed.output_parsed).toEqual({ a: 5 });
  });

  test('runs a loop of tools, by itself and by reference', async () => {
    const first = await client.responses.create({
      model: 'm',
      input: 'reasoning=1 call=f:{"a":1}',
      tools: [f],
    });
    const output = { type: 'function_call_output' as const, call_id: 'call_0', output: 'show-frame' };
    const expected = [
      { role: 'user' },
      {
        role: 'assistant',
        reasoning_content: 'r0 ',
        tool_calls: [{ id: 'call_0', function: { name: 'f' } }],
      },
      { role: 'tool', tool_call_id: 'call_0', name: 'f', content: 'show-frame' },
    ];
    const rest = { model: 'm', store: false, tool_choice: 'none' as const };
    const user = { role: 'user' as const, content: 'reasoning=1' };
    const references = first.output.map(({ id = '' }) => ({ type: 'item_reference' as const, id }));
    const repeated = first.output.flatMap((item) =>
      item.type === 'reasoning' || item.type === 'function_call' ? [item] : [],
    );
    for (const second of [
      await client.responses.create({ ...rest, input: [output], previous_response_id: first.id }),
      await client.responses.create({
        ...rest,
        input: [user, ...repeated, output],
      }),
      await client.responses.create({ ...rest, input: [user, ...references, output] }),
    ]) {
      const { prompt } = generateFrameSchema.parse(JSON.parse(second.output_text));
      expect(prompt).toMatchObject({ messages: expected });
    }
  });

  test('understands errors, before a stream has begun and within it', async () => {
    await expect(client.responses.create({ model: 'nothing', input: 'a' })).rejects.toMatchObject({
      status: 404,
      code: 'model_not_found',
    });
    await expect(
      client.responses.stream({ model: 'm', input: 'too-long' }).finalResponse(),
    ).rejects.toMatchObject({
      status: 400,
      code: 'context_length_exceeded',
    });
    const failed = await client.responses.stream({ model: 'fragile', input: 'crash=2' }).finalResponse();
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'worker_crashed' } });
  });
});

describe('the events of a stream', () => {
  test('of text', async () => {
    const all = await events('say=hello');
    expect(told(all)).toEqual([
      'created',
      'in_progress',
      '0 output_item.added',
      '0 content_part.added',
      '0 output_text.delta hell',
      '0 output_text.delta o',
      '0 output_text.done',
      '0 content_part.done',
      '0 output_item.done',
      'completed',
    ]);
    expect(all[0]).toMatchObject({ response: { status: 'in_progress', output: [], usage: null } });
    expect(all.at(-1)).toMatchObject({ response: { status: 'completed', usage: { output_tokens: 2 } } });
  });

  test('of reasoning and a call', async () => {
    expect(told(await events('reasoning=1 call=f:{"a":1}', { tools: [f] })).slice(2, -1)).toEqual([
      '0 output_item.added',
      '0 content_part.added',
      '0 reasoning_text.delta r0 ',
      '0 reasoning_text.done',
      '0 content_part.done',
      '0 output_item.done',
      '1 output_item.added',
      '1 function_call_arguments.delta {"a',
      '1 function_call_arguments.delta ":1}',
      '1 function_call_arguments.done',
      '1 output_item.done',
    ]);
  });

  test('of log-probabilities', async () => {
    const all = await events('say=hello', { top_logprobs: 2 });
    const deltas = all.filter(({ type }) => type === 'response.output_text.delta');
    expect(deltas).toMatchObject([{ logprobs: [{ token: 'hell' }] }, { logprobs: [{ token: 'o' }] }]);
    expect(all.at(-1)).toMatchObject({
      response: {
        output: [{ content: [{ logprobs: [{ token: 'hell', top_logprobs: [{}, {}] }, { token: 'o' }] }] }],
      },
    });
  });

  test.each([
    ['reasoning=3 say=a', { max_output_tokens: 2 }, 'reasoning'],
    ['tokens=9', { max_output_tokens: 2 }, 'message'],
    ['call=f:{"abc":1}', { max_output_tokens: 1, tools: [f] }, 'function_call'],
  ])('of a response that is cut off: %s %j', async (input, fields, type) => {
    const all = await events(input, fields);
    expect(all.at(-2)).toMatchObject({
      type: 'response.output_item.done',
      item: { type, status: 'incomplete' },
    });
    expect(all.at(-1)).toMatchObject({
      type: 'response.incomplete',
      response: {
        status: 'incomplete',
        completed_at: null,
        incomplete_details: { reason: 'max_output_tokens' },
        output: [{ type, status: 'incomplete' }],
        usage: { output_tokens: fields.max_output_tokens },
      },
    });
  });

  test('an error in the middle', async () => {
    const all = await events('garbage=2 tokens=9', { model: 'fragile' });
    expect(all.at(-1)).toMatchObject({
      type: 'response.failed',
      response: {
        status: 'failed',
        error: { code: 'worker_crashed' },
        output: [{ type: 'message', status: 'incomplete', content: [{ text: 't0 t1 ' }] }],
      },
    });
    const id = all[0]?.type === 'response.created' ? all[0].response.id : '';
    expect((await fetch(`${agent.url}${ROUTE}/${id}`)).status).toBe(404);
  });

  test('an error after a long wait, before the response began', async () => {
    const all = await events('mute');
    expect(all).toMatchObject([{ type: 'error', code: 'request_timeout', sequence_number: 0 }]);
  });

  test('comments keep a waiting stream open', async () => {
    const response = await agent.post(ROUTE, { model: 'slow', input: 'say=a', stream: true });
    expect(await response.text()).toMatch(/^: waiting\n\n: waiting\n\n[\s\S]*event: response\.completed\n/);
  });
});

describe('refusals', () => {
  test.each<[object, string, string]>([
    [{ input: undefined }, 'input', 'missing_required_parameter'],
    [{ input: [] }, 'input', 'invalid_value'],
    [{ input: 5 }, 'input', 'invalid_type'],
    [{ input: [{ type: 'web_search_call', id: 'x' }] }, 'input.0.type', 'invalid_value'],
    [{ input: [{ role: 'tool', content: 'a' }] }, 'input.0.role', 'invalid_value'],
    [
      { input: [{ role: 'user', content: [{ type: 'input_file' }] }] },
      'input.0.content.0.file_data',
      'missing_required_parameter',
    ],
    [
      { input: [{ role: 'user', content: [{ type: 'input_image', image_url: 'data:,' }] }] },
      'input.0.content.0',
      'images_not_supported',
    ],
    [
      { input: [{ type: 'function_call', call_id: 'a', name: 'f' }] },
      'input.0.arguments',
      'missing_required_parameter',
    ],
    [
      { input: [{ type: 'function_call_output', call_id: 'a', output: 'b' }] },
      'input.0.call_id',
      'invalid_value',
    ],
    [{ input: [{ type: 'item_reference', id: 'msg_1' }] }, 'input.0.id', 'invalid_value'],
    [{ input: [{ type: 'item_reference', id: `msg_${'0'.repeat(28)}` }] }, 'input.0.id', 'invalid_value'],
    [{ previous_response_id: 'resp_1' }, 'previous_response_id', 'previous_response_not_found'],
    [{ tools: [{ type: 'web_search' }] }, 'tools.0.type', 'invalid_value'],
    [{ tools: [f, { ...f, name: 'a b' }] }, 'tools.1.name', 'invalid_value'],
    [{ tools: [f, f] }, 'tools.1.name', 'invalid_value'],
    [{ tool_choice: { type: 'web_search' } }, 'tool_choice.type', 'invalid_value'],
    [{ tool_choice: 'required' }, 'tool_choice', 'invalid_value'],
    [{ text: { format: { type: 'xml' } } }, 'text.format.type', 'invalid_value'],
    [
      { text: { format: { type: 'json_schema', name: 'n' } } },
      'text.format.schema',
      'missing_required_parameter',
    ],
    [{ reasoning: { effort: 'enormous' } }, 'reasoning.effort', 'invalid_value'],
    [{ include: ['web_search_call.results'] }, 'include.0', 'invalid_value'],
    [{ top_logprobs: 21 }, 'top_logprobs', 'invalid_value'],
    [{ max_output_tokens: 0 }, 'max_output_tokens', 'invalid_value'],
    [{ temperature: 3 }, 'temperature', 'invalid_value'],
    [{ metadata: { a: 1 } }, 'metadata.a', 'invalid_type'],
    [
      { metadata: Object.fromEntries(Array.from({ length: 17 }, (_, key) => [key, 'a'])) },
      'metadata',
      'invalid_value',
    ],
    [{ background: true }, 'background', 'unsupported_parameter'],
    [{ conversation: 'conv_1' }, 'conversation', 'unsupported_parameter'],
    [{ prompt: { id: 'p' } }, 'prompt', 'unsupported_parameter'],
    [{ truncation: 'auto' }, 'truncation', 'unsupported_parameter'],
    [{ guided_json: {} }, 'guided_json', 'unsupported_parameter'],
  ])('%j', async (fields, param, code) => {
    const response = await agent.post(ROUTE, { model: 'm', input: 'a', ...fields });
    const { error } = openAiErrorSchema.parse(await response.json());
    expect([response.status, error.param, error.code]).toEqual([400, param, code]);
    expect(error.message).not.toMatch(/undefined|null/);
  });

  test.each([
    { background: false, truncation: 'disabled', service_tier: 'auto', unheard_of: 1 },
    { include: ['reasoning.encrypted_content'], reasoning: { summary: 'auto' }, text: { verbosity: 'low' } },
    {
      tools: null,
      tool_choice: null,
      text: null,
      reasoning: null,
      metadata: null,
      store: null,
      include: null,
    },
  ])('%j passes', async (fields) => {
    expect((await agent.post(ROUTE, { model: 'm', input: 'say=a', ...fields })).status).toBe(200);
  });
});

test.each([true, false])('a client that goes away ends its request, streaming: %s', async (stream) => {
  const abort = new AbortController();
  const answer = agent
    .post(
      ROUTE,
      { model: 'm', input: 'tokens=900', max_output_tokens: 900, stream },
      { signal: abort.signal },
    )
    .then(async (response) => await response.text())
    .catch(() => null);
  await eventually(() => running() === 1, 'the request runs');
  abort.abort();
  await eventually(() => running() === 0, 'the request is cancelled');
  expect(await answer).toBeNull();
});
