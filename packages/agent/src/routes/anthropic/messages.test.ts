import Anthropic from '@anthropic-ai/sdk';
import {
  type AnthropicEvent,
  anthropicErrorSchema,
  anthropicEventSchema,
  anthropicMessageSchema,
  generateFrameSchema,
} from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { readNamedEvents } from '../../test-support/read-named-events.ts';
import { eventually, startTestAgent, type TestAgent } from '../../test-support/test-agent.ts';

const ROUTE = '/v1/messages';
const KEY = 'a-key';
let agent: TestAgent;
let client: Anthropic;
beforeAll(async () => {
  agent = await startTestAgent({
    models: { m: {}, slow: { load_ms: 400 }, fragile: {} },
    config: { request_timeout_seconds: 1.5 },
    overrides: { heartbeatMs: 100 },
  });
  client = new Anthropic({ baseURL: agent.url, apiKey: KEY, maxRetries: 0 });
});
afterAll(async () => {
  await agent.dispose();
});

/** A request whose words tell the fake worker what to do. */
function ask<Fields extends object>(words: string, fields: Fields): Fields & typeof common {
  const common = {
    model: 'm',
    max_tokens: 800,
    messages: [{ role: 'user' as const, content: words }],
  };
  return { ...common, ...fields };
}

function running(): number {
  return agent.services.pool.peek('m')?.runningCount ?? 0;
}

async function events(words: string, fields: object = {}): Promise<AnthropicEvent[]> {
  const response = await agent.post(ROUTE, ask(words, { stream: true, ...fields }));
  expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
  return readNamedEvents(await response.text()).map((event) => anthropicEventSchema.parse(event));
}

/** Types of events, with the text of deltas; without pings, which come by time. */
function told(all: readonly AnthropicEvent[]): string[] {
  return all.flatMap((event) => {
    if (event.type === 'ping') return [];
    if (event.type === 'content_block_start') return `${String(event.index)} ${event.content_block.type}`;
    if (event.type === 'content_block_delta') {
      return `${String(event.index)} ${Object.values(event.delta).join(' ')}`;
    }
    return event.type === 'content_block_stop' ? `${String(event.index)} stop` : event.type;
  });
}

const block = (each: object): object => ({ messages: [{ role: 'user', content: [each] }] });
const tools = [{ name: 'f', input_schema: { type: 'object' as const } }];
const thinking = { type: 'enabled', budget_tokens: 1024 } as const;

describe("Anthropic's client", () => {
  test('gets a whole message', async () => {
    const { data, request_id: requestId } = await client.messages
      .create(ask('cached=2 say=hello-world now', {}))
      .withResponse();
    expect(anthropicMessageSchema.strict().parse(data)).toMatchObject({
      id: expect.stringMatching(/^msg_/),
      content: [{ type: 'text', text: 'hello-world' }],
      stop_reason: 'end_turn',
      stop_sequence: null,
      usage: { input_tokens: 1, cache_read_input_tokens: 2, output_tokens: 3 },
      timings: { decode_seconds: expect.any(Number) },
    });
    expect(requestId).toMatch(/^req-/);
  });

  test('streams text', async () => {
    const texts: string[] = [];
    const stream = client.messages.stream(ask('cached=1 say=hello-world', {}));
    stream.on('text', (piece) => texts.push(piece));
    const message = await stream.finalMessage();
    expect(texts).toEqual(['hell', 'o-wo', 'rld']);
    expect(message).toMatchObject({
      content: [{ type: 'text', text: 'hello-world' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 1, cache_read_input_tokens: 1, output_tokens: 3 },
    });
  });

  test.each([false, true])('gets thinking and tool uses, streaming: %s', async (isStreaming) => {
    const body = ask('reasoning=2 say=hello call=f:{"a":[1,2]} call=f:{}', { tools, thinking });
    const message = isStreaming
      ? await client.messages.stream(body).finalMessage()
      : await client.messages.create(body);
    expect(message.content).toMatchObject([
      { type: 'thinking', thinking: 'r0 r1 ', signature: expect.stringMatching(/./) },
      { type: 'text', text: 'hello' },
      { type: 'tool_use', id: 'call_0', name: 'f', input: { a: [1, 2] } },
      { type: 'tool_use', id: 'call_1', name: 'f', input: {} },
    ]);
    expect(message).toMatchObject({
      stop_reason: 'tool_use',
      usage: { output_tokens_details: { thinking_tokens: 2 } },
    });
  });

  test('goes on after a tool use with what it got', async () => {
    const first = await client.messages.create(ask('reasoning=1 call=f:{"a":1}', { tools, thinking }));
    const [, use] = first.content;
    const second = await client.messages.create({
      ...ask('', { thinking }),
      tools: [{ name: 'unused', input_schema: { type: 'object' } }],
      tool_choice: { type: 'none' },
      messages: [
        { role: 'user', content: 'reasoning=1' },
        { role: 'assistant', content: first.content },
        {
          role: 'user',
          content: [
            {
              type: 'tool_result',
              tool_use_id: use?.type === 'tool_use' ? use.id : '',
              content: 'show-frame',
            },
          ],
        },
      ],
    });
    const text = second.content.flatMap((each) => (each.type === 'text' ? [each.text] : [])).join('');
    const { prompt } = generateFrameSchema.parse(JSON.parse(text));
    expect(prompt).toMatchObject({
      messages: [
        { role: 'user' },
        {
          role: 'assistant',
          reasoning_content: 'r0 ',
          tool_calls: [{ id: 'call_0', function: { name: 'f', arguments: '{"a":1}' } }],
        },
        { role: 'tool', tool_call_id: 'call_0', name: 'f', content: 'show-frame' },
      ],
      template_options: { enable_thinking: true },
    });
  });

  test('understands errors, before a stream has begun and within it', async () => {
    await expect(client.messages.create(ask('a', { model: 'nothing' }))).rejects.toMatchObject({
      status: 404,
      type: 'not_found_error',
      requestID: expect.stringMatching(/^req-/),
    });
    await expect(client.messages.stream(ask('too-long', {})).finalMessage()).rejects.toMatchObject({
      status: 400,
      type: 'invalid_request_error',
    });
    await expect(
      client.messages.stream(ask('crash=2', { model: 'fragile' })).finalMessage(),
    ).rejects.toMatchObject({
      type: 'overloaded_error',
    });
  });
});

describe('the events of a stream', () => {
  test('of text', async () => {
    const all = await events('say=hello');
    expect(told(all)).toEqual([
      'message_start',
      '0 text',
      '0 text_delta hell',
      '0 text_delta o',
      '0 stop',
      'message_delta',
      'message_stop',
    ]);
    expect(all.find(({ type }) => type === 'message_start')).toMatchObject({
      message: { content: [], usage: { input_tokens: 1, output_tokens: 0 } },
    });
    expect(all.at(-2)).toMatchObject({
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: { input_tokens: 1, output_tokens: 2 },
    });
  });

  test('of thinking and a tool use', async () => {
    expect(told(await events('reasoning=1 call=f:{"a":1}', { tools, thinking })).slice(1, -2)).toEqual([
      '0 thinking',
      '0 thinking_delta r0 ',
      '0 signature_delta mlxfleet',
      '0 stop',
      '1 tool_use',
      '1 input_json_delta {"a',
      '1 input_json_delta ":1}',
      '1 stop',
    ]);
  });

  test('thinking whose text is left out', async () => {
    const omitted = { thinking: { ...thinking, display: 'omitted' } };
    expect(told(await events('reasoning=2 say=a', omitted)).slice(1, 4)).toEqual([
      '0 thinking',
      '0 signature_delta mlxfleet',
      '0 stop',
    ]);
    const whole = await agent.post(ROUTE, ask('reasoning=2 say=a', omitted));
    expect(await whole.json()).toMatchObject({
      content: [{ type: 'thinking', thinking: '' }, { text: 'a' }],
    });
  });

  test('reasoning that nobody asked for is not told', async () => {
    expect(told(await events('reasoning=2 say=a')).slice(1, -2)).toEqual([
      '0 text',
      '0 text_delta a',
      '0 stop',
    ]);
    const whole = await agent.post(ROUTE, ask('reasoning=2 say=a', {}));
    expect(await whole.json()).toMatchObject({
      content: [{ type: 'text', text: 'a' }],
      usage: { output_tokens: 3, output_tokens_details: { thinking_tokens: 2 } },
    });
  });

  test('pings while a stream waits', async () => {
    const all = await events('say=a', { model: 'slow' });
    expect(all.slice(0, 2).map(({ type }) => type)).toEqual(['ping', 'ping']);
    expect(told(all).at(-1)).toBe('message_stop');
  });

  test('an error in the middle', async () => {
    const all = await events('garbage=2 tokens=9', { model: 'fragile' });
    expect(all.at(-1)).toMatchObject({
      type: 'error',
      error: { type: 'overloaded_error', code: 'worker_crashed' },
      request_id: expect.stringMatching(/^req-/),
    });
  });
});

describe('how an answer ends', () => {
  test.each<[string, object, object]>([
    ['tokens=9', { max_tokens: 2 }, { stop_reason: 'max_tokens', stop_sequence: null }],
    ['say=a stopped-by=X', { stop_sequences: ['X'] }, { stop_reason: 'stop_sequence', stop_sequence: 'X' }],
    ['call=f:{}', { tools }, { stop_reason: 'tool_use', stop_sequence: null }],
    // Input that was cut off is no JSON.
    [
      'call=f:{"abc":1}',
      { tools, max_tokens: 1 },
      { stop_reason: 'max_tokens', content: [{ type: 'tool_use', input: {} }] },
    ],
  ])('%s %j', async (words, fields, expected) => {
    const response = await agent.post(ROUTE, ask(words, fields));
    expect(await response.json()).toMatchObject(expected);
    const { content: _, ...end } = { content: [], ...expected };
    expect((await events(words, fields)).at(-2)).toMatchObject({ delta: end });
  });
});

describe('refusals', () => {
  const message = { role: 'user', content: 'a' };
  test.each<[object, number, string, string]>([
    [{ max_tokens: undefined }, 400, 'max_tokens', 'missing_required_parameter'],
    [{ max_tokens: 0 }, 400, 'max_tokens', 'invalid_value'],
    [{ messages: [] }, 400, 'messages', 'invalid_value'],
    [{ messages: [{ role: 'king', content: 'a' }] }, 400, 'messages.0.role', 'invalid_value'],
    [{ messages: [{ role: 'user', content: [] }] }, 400, 'messages.0.content', 'invalid_value'],
    [{ messages: [message, { role: 'user', content: [] }] }, 400, 'messages.1.content', 'invalid_value'],
    [{ messages: [message, { role: 'system', content: [] }] }, 400, 'messages.1.content', 'invalid_value'],
    [
      { messages: [message, { role: 'assistant', content: 'I' }] },
      400,
      'messages.1.role',
      'unsupported_parameter',
    ],
    [
      block({ type: 'image', source: { type: 'url', url: 'https://a/b' } }),
      400,
      'messages.0.content.0',
      'images_not_supported',
    ],
    [
      block({ type: 'image', source: {} }),
      400,
      'messages.0.content.0.source.type',
      'missing_required_parameter',
    ],
    [
      block({ type: 'document', source: { type: 'x' } }),
      400,
      'messages.0.content.0.source.type',
      'invalid_value',
    ],
    [block({ type: 'text', text: 5 }), 400, 'messages.0.content.0.text', 'invalid_type'],
    [{ tools: [{ type: 'web_search_20250305', name: 'web_search' }] }, 400, 'tools.0.type', 'invalid_value'],
    [{ tools: [{ name: 'f' }] }, 400, 'tools.0.input_schema', 'missing_required_parameter'],
    [{ tools: [{ name: 'a b', input_schema: {} }] }, 400, 'tools.0.name', 'invalid_value'],
    [{ tool_choice: { type: 'some' } }, 400, 'tool_choice.type', 'invalid_value'],
    [{ thinking: { type: 'enabled' } }, 400, 'thinking.budget_tokens', 'missing_required_parameter'],
    [{ thinking: { type: 'between_tools' } }, 400, 'thinking.type', 'invalid_value'],
    [
      { output_config: { format: { type: 'xml', schema: {} } } },
      400,
      'output_config.format.type',
      'invalid_value',
    ],
    [{ temperature: 1.5 }, 400, 'temperature', 'invalid_value'],
    [{ top_k: -1 }, 400, 'top_k', 'invalid_value'],
    [{ stop_sequences: [''] }, 400, 'stop_sequences.0', 'invalid_value'],
    [{ container: 'c' }, 400, 'container', 'unsupported_parameter'],
    [{ mcp_servers: [{ url: 'https://example.com' }] }, 400, 'mcp_servers', 'unsupported_parameter'],
    [{ model: 'nothing' }, 404, 'model', 'model_not_found'],
  ])('%j', async (fields, status, param, code) => {
    const response = await agent.post(ROUTE, { ...ask('a', {}), ...fields });
    const { error } = anthropicErrorSchema.strict().parse(await response.json());
    expect([response.status, error.param, error.code]).toEqual([status, param, code]);
    expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'));
  });

  test.each<[string, unknown, number, string]>([
    ['broken JSON', '{"model":', 400, 'invalid_request_error'],
    ['a body beyond the limit', ask('x'.repeat(20_000_000), {}), 413, 'request_too_large'],
    ['what fails in the worker', ask('fail', {}), 500, 'api_error'],
    ['a request that runs too long', ask('mute', {}), 504, 'timeout_error'],
  ])('%s', async (_, body, status, type) => {
    const response = await agent.post(ROUTE, body);
    const { error } = anthropicErrorSchema.parse(await response.json());
    expect([response.status, error.type]).toEqual([status, type]);
  });

  test.each([
    ['GET', ROUTE, 405, 'invalid_request_error', 'method_not_allowed'],
    ['DELETE', `${ROUTE}?a=b`, 405, 'invalid_request_error', 'method_not_allowed'],
    ['GET', `${ROUTE}/count_tokens`, 405, 'invalid_request_error', 'method_not_allowed'],
    ['POST', `${ROUTE}/batches`, 404, 'not_found_error', 'route_not_found'],
    ['GET', `${ROUTE}/batches/b/results`, 404, 'not_found_error', 'route_not_found'],
  ])('%s %s, which there is not', async (method, route, status, type, code) => {
    const response = await fetch(agent.url + route, { method });
    const { error, request_id: requestId } = anthropicErrorSchema.strict().parse(await response.json());
    expect([response.status, error.type, error.code]).toEqual([status, type, code]);
    expect(response.headers.get('request-id')).toBe(requestId);
    expect(response.headers.get('allow')).toBe(status === 405 ? 'POST' : null);
  });

  test('what only begins like a route of this API is none of it', async () => {
    const response = await fetch(`${agent.url}${ROUTE}-of-others`);
    expect([response.status, await response.json()]).toEqual([404, { error: expect.anything() }]);
  });

  test('a message without text, and an answer without blocks, are taken', async () => {
    const messages = [
      { role: 'user', content: '' },
      { role: 'assistant', content: [] },
      { role: 'user', content: 'say=a' },
    ];
    const response = await agent.post(ROUTE, { ...ask('', {}), messages });
    expect(await response.json()).toMatchObject({ content: [{ type: 'text', text: 'a' }] });
  });

  test('a key is taken from either header', async () => {
    const hash = Buffer.from(await crypto.subtle.digest('SHA-256', Buffer.from(KEY))).toString('hex');
    const locked = await startTestAgent({ config: { api: { port: 0, key_hashes: [hash] } } });
    try {
      for (const key of [{ apiKey: KEY }, { apiKey: null, authToken: KEY }]) {
        const known = new Anthropic({ baseURL: locked.url, maxRetries: 0, ...key });
        expect(await known.messages.create(ask('say=a', {}))).toMatchObject({ content: [{ text: 'a' }] });
      }
      const unknown = new Anthropic({ baseURL: locked.url, apiKey: 'another', maxRetries: 0 });
      await expect(unknown.messages.create(ask('say=a', {}))).rejects.toMatchObject({
        status: 401,
        type: 'authentication_error',
      });
    } finally {
      await locked.dispose();
    }
  });
});

test.each([true, false])('a client that goes away ends its request, streaming: %s', async (stream) => {
  const abort = new AbortController();
  const answer = client.messages
    .create(ask('tokens=900', { max_tokens: 900, stream }), { signal: abort.signal })
    .catch(() => null);
  await eventually(() => running() === 1, 'the request runs');
  abort.abort();
  await eventually(() => running() === 0, 'the request is cancelled');
  expect(stream || (await answer) === null).toBe(true);
});
