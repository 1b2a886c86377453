import { readFileSync } from 'node:fs';
import http from 'node:http';
import path from 'node:path';
import { gzipSync } from 'node:zlib';
import { openAiErrorSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chat, startTestAgent, type TestAgent } from '../../test-support/test-agent.ts';

let agent: TestAgent;
beforeAll(async () => {
  agent = await startTestAgent({ models: { m: {}, broken: { load_error: 'bad weights' } } });
});
afterAll(async () => {
  await agent.dispose();
});

interface Refusal {
  readonly status: number;
  readonly message: string;
  readonly param: string | null;
  readonly code: string | null;
  readonly headers: Headers;
}

async function refusal(response: Response): Promise<Refusal> {
  const { error } = openAiErrorSchema.parse(await response.json());
  return { status: response.status, headers: response.headers, ...error };
}

async function expectWorks(): Promise<void> {
  const response = await agent.post('/v1/chat/completions', chat('tokens=1'));
  expect([response.status, await response.json()]).toMatchObject([200, { object: 'chat.completion' }]);
}

const CHAT = '/v1/chat/completions';
const PLAIN = '/v1/completions';

describe('requests that are refused', () => {
  test.each<[string, string, unknown, Partial<Refusal>]>([
    ['broken JSON', CHAT, '{"model":', { status: 400, code: 'broken_json' }],
    ['an empty body', CHAT, '', { status: 400, code: 'broken_json' }],
    ['a poisoned prototype', CHAT, '{"__proto__":{"x":1}}', { status: 400, code: 'invalid_value' }],
    ['an array', CHAT, '[]', { status: 400, code: 'invalid_type' }],
    ['null', CHAT, 'null', { status: 400, code: 'invalid_type' }],
    ['no model', CHAT, { messages: [] }, { status: 400, param: 'model', code: 'missing_required_parameter' }],
    ['a number as model', CHAT, { ...chat('a'), model: 5 }, { param: 'model', code: 'invalid_type' }],
    ['no messages', CHAT, { model: 'm' }, { param: 'messages', code: 'missing_required_parameter' }],
    ['empty messages', CHAT, { model: 'm', messages: [] }, { status: 400, param: 'messages' }],
    [
      'wrong content',
      CHAT,
      { model: 'm', messages: [{ role: 'user', content: 5 }] },
      {
        param: 'messages.0.content',
        code: 'invalid_type',
        message: "'messages.0.content': expected string or array.",
      },
    ],
    [
      'a wrong part',
      CHAT,
      { model: 'm', messages: [{ role: 'user', content: [{ type: 'text', text: 5 }] }] },
      { status: 400, param: 'messages.0.content.0.text' },
    ],
    [
      'an unknown role',
      CHAT,
      { model: 'm', messages: [{ role: 'king', content: '' }] },
      { status: 400, param: 'messages.0.role' },
    ],
    [
      'a tool call without arguments',
      CHAT,
      {
        model: 'm',
        messages: [{ role: 'assistant', tool_calls: [{ id: 'a', type: 'function', function: {} }] }],
      },
      { param: 'messages.0.tool_calls.0.function.name', code: 'missing_required_parameter' },
    ],
    [
      'max_tokens 0',
      CHAT,
      chat('a', { max_tokens: 0 }),
      { status: 400, param: 'max_tokens', code: 'invalid_value' },
    ],
    ['temperature 3', CHAT, chat('a', { temperature: 3 }), { param: 'temperature', code: 'invalid_value' }],
    ['an empty stop', CHAT, chat('a', { stop: [''] }), { param: 'stop' }],
    ['n 17', CHAT, chat('a', { n: 17 }), { param: 'n' }],
    ['a broken logit_bias', CHAT, chat('a', { logit_bias: { x: 1 } }), { status: 400 }],
    [
      'an image',
      CHAT,
      {
        model: 'm',
        messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:,' } }] }],
      },
      { status: 400, param: 'messages.0.content.0', code: 'images_not_supported' },
    ],
    [
      'template options without bottom',
      CHAT,
      chat('a', { chat_template_kwargs: JSON.parse(`${'{"a":'.repeat(50)}1${'}'.repeat(50)}`) }),
      { param: 'chat_template_kwargs' },
    ],
    ['an empty list of prompts', PLAIN, { model: 'm', prompt: [] }, { status: 400, param: 'prompt' }],
    [
      'more prompts than fit',
      PLAIN,
      { model: 'm', prompt: Array(500).fill('a') },
      { status: 400, param: 'prompt' },
    ],
    [
      'an unknown model',
      CHAT,
      chat('a', { model: 'nothing' }),
      {
        status: 404,
        param: 'model',
        code: 'model_not_found',
        message: "The model 'nothing' is not on this host, which has: broken, m.",
      },
    ],
    [
      'what is the id of no model',
      CHAT,
      chat('a', { model: '../x' }),
      { status: 404, message: "'model' is not the id of a model. This host has: broken, m." },
    ],
    [
      "a hub's model that cannot be fetched",
      CHAT,
      chat('a', { model: 'org/name' }),
      { status: 404, code: 'model_not_found' },
    ],
    ['a prompt that is too long', CHAT, chat('too-long'), { status: 400, code: 'context_length_exceeded' }],
    ['what the worker refuses', CHAT, chat('invalid'), { status: 400, message: 'the fake refuses' }],
    ['what fails in the worker', CHAT, chat('fail'), { status: 500, code: 'internal_error' }],
    [
      'a model that cannot be loaded',
      CHAT,
      chat('a', { model: 'broken' }),
      {
        status: 503,
        code: 'model_load_failed',
        message: "The model 'broken' could not be loaded: bad weights",
      },
    ],
  ])('%s', async (_, route, body, expected) => {
    expect(await refusal(await agent.post(route, body))).toMatchObject(expected);
    await expectWorks();
  });

  test.each(['../m', '..', '/etc/passwd', 'a/../../m', '.hub', 'a\\b', 'm\0', './m', 'm/', 'models/../m'])(
    'the model id %j',
    async (model) => {
      expect(await refusal(await agent.post(CHAT, chat('a', { model })))).toMatchObject({
        status: 404,
        code: 'model_not_found',
      });
    },
  );

  test('a body beyond the limit gets its answer although the client still sends', async () => {
    const response = await agent.post(CHAT, chat('x'.repeat(20_000_000)));
    expect(await refusal(response)).toMatchObject({ status: 413, code: 'body_too_large', message: /16 MiB/ });
    await expectWorks();
  });

  test.each([
    ['messages that are none', CHAT, '"messages":[', '{},'],
    ['empty messages', CHAT, '"messages":[', '{"role":"user","content":""},'],
    ['numbers for messages', CHAT, '"messages":[', '0,'],
    ['a field that nobody knows', CHAT, '"x":[', '[],'],
    ['prompts that are none', PLAIN, '"prompt":[', 'null,'],
    ['vectors of nothing', '/v1/embeddings', '"input":[', '{},'],
    ['items of a response', '/v1/responses', '"input":[', '{},'],
    ['blocks of a message', '/v1/messages', '"max_tokens":1,"messages":[', '{},'],
    ['tokens', '/v1/detokenize', '"tokens":[', '1,'],
  ])('15 MiB of %s, before they are looked at', async (_, route, opening, item) => {
    const items = item.repeat(Math.floor((15 * 1024 * 1024) / item.length)).slice(0, -1);
    const begun = performance.now();
    const response = await agent.post(route, `{"model":"m",${opening}${items}]}`);
    expect([response.status, await response.text()]).toEqual([413, expect.stringMatching(/too many values/)]);
    // To read and check them takes minutes, or more memory than there is.
    expect(performance.now() - begun).toBeLessThan(5000);
    await expectWorks();
  });

  test.each([CHAT, PLAIN, '/v1/embeddings', '/v1/responses', '/v1/messages', '/v1/tokenize'])(
    'a body of %s that nests without end',
    async (route) => {
      for (const levels of [250, 100_000]) {
        const deep = `${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`;
        const response = await agent.post(route, `{"model":"m","messages":${deep}}`);
        const told = expect.stringMatching(/nested too deeply/);
        expect([response.status, await response.text()]).toEqual([400, told]);
      }
      await expectWorks();
    },
  );

  test('a long list of tokens is no such body', async () => {
    const tokens = Array.from({ length: 300_000 }, (_, index) => index);
    const response = await agent.post('/v1/detokenize', { model: 'm', tokens: tokens.slice(0, 60_000) });
    expect(response.status).toBe(200);
    expect((await agent.post(PLAIN, { model: 'm', prompt: tokens, max_tokens: 1 })).status).toBe(200);
  });

  test('a content type that is not JSON', async () => {
    for (const type of [
      'text/plain',
      'application/x-www-form-urlencoded',
      'multipart/form-data; boundary=x',
    ]) {
      const response = await agent.post(CHAT, chat('a'), { headers: { 'content-type': type } });
      expect(await refusal(response)).toMatchObject({ status: 415 });
    }
    const charset = { headers: { 'content-type': 'application/json; charset=utf-8' } };
    expect((await agent.post(CHAT, chat('tokens=1'), charset)).status).toBe(200);
  });

  test('a compressed body', async () => {
    const body = gzipSync(JSON.stringify(chat('tokens=1')));
    const headers = { 'content-type': 'application/json', 'content-encoding': 'gzip' };
    for (const url of [agent.url + CHAT, `${agent.adminUrl}/admin/load`]) {
      const token = readFileSync(path.join(agent.root, 'shared', 'admin-token'), 'utf8').trim();
      const init = { method: 'POST', headers: { ...headers, 'x-admin-token': token }, body };
      const refused = await refusal(await fetch(url, init));
      expect(refused).toMatchObject({ status: 415, code: 'unsupported_media_type', message: /gzip/ });
      expect(refused.headers.get('accept-encoding')).toBe('identity');
    }
    const plain = { headers: { 'content-encoding': 'identity' } };
    expect((await agent.post(CHAT, chat('tokens=1'), plain)).status).toBe(200);
  });

  test('an unknown priority', async () => {
    const response = await agent.post(CHAT, chat('a'), { headers: { 'x-priority': 'urgent' } });
    expect(await refusal(response)).toMatchObject({ status: 400, param: 'X-Priority' });
  });

  test('unknown routes and wrong methods', async () => {
    expect(await refusal(await fetch(`${agent.url}/v1/nothing`))).toMatchObject({ status: 404 });
    expect(await refusal(await fetch(`${agent.url}/%zz`))).toMatchObject({ status: 400 });
    const wrong = await refusal(await fetch(agent.url + CHAT));
    expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'POST']);
    expect(await refusal(await agent.post('/v1/models/m', {}))).toMatchObject({ status: 405 });
    expect(await refusal(await agent.post('/health', {}))).toMatchObject({ status: 405 });
  });

  test.each(['', '{"model":'])('a wrong method or route is named whatever the body is: %j', async (body) => {
    const headers = { 'content-type': 'application/json' };
    const ask = async (url: string) => await refusal(await fetch(url, { method: 'DELETE', headers, body }));
    expect(await ask(agent.url + CHAT)).toMatchObject({ status: 405, code: 'method_not_allowed' });
    expect(await ask(`${agent.url}/v1/nothing`)).toMatchObject({ status: 404, code: 'route_not_found' });
    const token = readFileSync(path.join(agent.root, 'shared', 'admin-token'), 'utf8').trim();
    const admin = await fetch(`${agent.adminUrl}/admin/load`, {
      method: 'DELETE',
      headers: { ...headers, 'x-admin-token': token },
      body,
    });
    expect(await refusal(admin)).toMatchObject({ status: 405, code: 'method_not_allowed' });
  });

  test('what is not HTTP', async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const request = http.request(agent.url, { method: 'GET' });
    request.once('socket', (socket) => {
      socket.once('connect', () => socket.write('nonsense\r\n\r\n'));
      socket.once('data', (data: Buffer) => {
        resolve(data.toString());
      });
    });
    request.on('error', () => {});
    request.flushHeaders();
    expect(await promise).toMatch(/^HTTP\/1.1 400 /);
    request.destroy();
  });
});

describe('requests that are accepted', () => {
  test.each([
    { metadata: { a: 'b' }, user: 'me', store: true, service_tier: 'auto' },
    { temperature: null, top_p: null, stop: null, n: null, stream: null, max_tokens: null },
    { tools: [], tool_choice: 'auto', response_format: { type: 'text' }, logprobs: false },
    { max_completion_tokens: 3, unheard_of: 1 },
  ])('%j', async (fields) => {
    expect((await agent.post(CHAT, chat('hello', fields))).status).toBe(200);
  });

  test('content in parts is joined', async () => {
    const content = [
      { type: 'text', text: 'tok' },
      { type: 'text', text: 'ens=2' },
    ];
    const response = await agent.post(CHAT, { model: 'm', messages: [{ role: 'user', content }] });
    expect(await response.json()).toMatchObject({ choices: [{ message: { content: 't0 t1 ' } }] });
  });

  test('X-Request-Id is echoed when harmless, else replaced', async () => {
    for (const [id, echoed] of [
      ['my-id.1', /^my-id\.1$/],
      ['bad id"', /^req-/],
      ['x'.repeat(500), /^req-/],
    ] as const) {
      const { headers } = await agent.post(CHAT, chat('a'), { headers: { 'x-request-id': id } });
      expect(headers.get('x-request-id')).toMatch(echoed);
    }
  });
});

describe('the other routes', () => {
  test('models', async () => {
    const list: unknown = await (await fetch(`${agent.url}/v1/models`)).json();
    expect(list).toMatchObject({ object: 'list', data: [{ id: 'broken' }, { id: 'm', object: 'model' }] });
    expect(await (await fetch(`${agent.url}/v1/models/m`)).json()).toMatchObject({ id: 'm' });
    for (const id of ['nothing', '..%2fm', '%2fetc', 'org/name', 'm%00']) {
      expect(await refusal(await fetch(`${agent.url}/v1/models/${id}`))).toMatchObject({ status: 404 });
    }
  });

  test('health, ready and metrics', async () => {
    await expectWorks();
    expect((await fetch(`${agent.url}/health`)).status).toBe(200);
    expect((await fetch(`${agent.url}/ready`)).status).toBe(200);
    const metrics = await (await fetch(`${agent.url}/metrics`)).text();
    for (const line of [
      /^vllm:num_requests_running\{model_name="m"\} 0$/m,
      /^vllm:time_to_first_token_seconds_count\{model_name="m"\} [1-9]/m,
      /^vllm:generation_tokens_total\{model_name="m"\} [1-9]/m,
      /^vllm:request_success_total\{model_name="m",finished_reason="stop"\} [1-9]/m,
      /^mlxfleet_build_info\{version="\d/m,
    ]) {
      expect(metrics).toMatch(line);
    }
    expect(metrics).toMatch(/^mlxfleet_memory_available_bytes [1-9]/m);
  });

  test('a foreign Host header is refused on a loopback bind without keys', async () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const request = http.get(`${agent.url}/v1/models`, { headers: { host: 'evil.example' } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode ?? 0);
    });
    request.on('error', reject);
    expect(await promise).toBe(403);
  });
});
