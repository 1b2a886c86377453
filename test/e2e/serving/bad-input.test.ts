import { symlink } from 'node:fs/promises';
import path from 'node:path';
import { type OpenAiError, openAiErrorSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';

const MODEL = 'tiny-text';

let agent: AgentProcess;
beforeAll(async () => {
  agent = await startAgent({ models: [MODEL] });
  await symlink('/etc', path.join(agent.root, 'shared', 'outside'));
});
afterAll(async () => {
  await agent.stop();
});

const good = { model: MODEL, messages: [{ role: 'user', content: 'hello' }], max_tokens: 8, temperature: 0 };

async function post(body: string, route = '/v1/chat/completions'): Promise<Response> {
  return await fetch(agent.url + route, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body,
  });
}

const cases: ReadonlyArray<{
  readonly name: string;
  readonly body: string;
  readonly status: number;
  readonly message: RegExp;
  readonly fields?: Partial<OpenAiError['error']>;
}> = [
  { name: 'broken JSON', body: '{"model": ', status: 400, message: /JSON/ },
  { name: 'JSON that is not an object', body: '[1]', status: 400, message: /object/i },
  { name: 'an empty body', body: '', status: 400, message: /body|JSON/i },
  {
    name: 'a wrong type',
    body: JSON.stringify({ ...good, temperature: 'hot' }),
    status: 400,
    message: /temperature/,
    fields: { param: 'temperature' },
  },
  {
    name: 'a wrong type deep inside',
    body: JSON.stringify({ ...good, messages: [{ role: 'user', content: 5 }] }),
    status: 400,
    message: /messages/,
    fields: { param: 'messages.0.content' },
  },
  {
    name: 'empty messages',
    body: JSON.stringify({ ...good, messages: [] }),
    status: 400,
    message: /messages/,
    fields: { param: 'messages' },
  },
  {
    name: 'no model',
    body: JSON.stringify({ ...good, model: undefined }),
    status: 400,
    message: /model/,
    fields: { param: 'model' },
  },
  {
    name: 'an unknown model',
    body: JSON.stringify({ ...good, model: 'no-such-model' }),
    status: 404,
    message: /no-such-model/,
    fields: { param: 'model', code: 'model_not_found' },
  },
  {
    name: 'a model path that climbs',
    body: JSON.stringify({ ...good, model: '../models/tiny-text' }),
    status: 404,
    message: /model/,
    fields: { param: 'model' },
  },
  {
    name: 'a model path that climbs to a link',
    body: JSON.stringify({ ...good, model: '../outside' }),
    status: 404,
    message: /model/,
    fields: { param: 'model' },
  },
  {
    name: 'an absolute model path',
    body: JSON.stringify({ ...good, model: '/etc' }),
    status: 404,
    message: /model/,
    fields: { param: 'model' },
  },
  {
    name: 'a prompt longer than the context',
    body: JSON.stringify({ ...good, messages: [{ role: 'user', content: 'x'.repeat(9000) }] }),
    status: 400,
    message: /8192/,
    fields: { code: 'context_length_exceeded' },
  },
  {
    name: 'max_tokens 0',
    body: JSON.stringify({ ...good, max_tokens: 0 }),
    status: 400,
    message: /max_tokens/,
    fields: { param: 'max_tokens' },
  },
  {
    name: 'an option that cannot be honoured',
    body: JSON.stringify({ ...good, guided_regex: '[0-9]+' }),
    status: 400,
    message: /guided_regex.*response_format/,
    fields: { param: 'guided_regex', code: 'unsupported_parameter' },
  },
  {
    name: 'an image for a text model',
    body: JSON.stringify({
      ...good,
      messages: [
        { role: 'user', content: [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }] },
      ],
    }),
    status: 400,
    message: /image/i,
  },
  {
    name: 'a 20 MB body',
    body: JSON.stringify({ ...good, messages: [{ role: 'user', content: 'x'.repeat(20_000_000) }] }),
    status: 413,
    message: /large|MB|MiB|bytes/i,
  },
];

test.each(cases)('$name is refused clearly, and a good request works afterwards', async (bad) => {
  const response = await post(bad.body);
  const { error } = openAiErrorSchema.parse(await response.json());
  expect(response.status).toBe(bad.status);
  expect(error.message).toMatch(bad.message);
  expect(error.message).not.toContain(agent.root);
  expect(error).toMatchObject(bad.fields ?? {});
  const completion = await agent.client.chat.completions.create({
    model: MODEL,
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: 8,
  });
  expect(completion.usage?.completion_tokens).toBeGreaterThan(0);
});

test('a huge max_tokens ends at the context length', async () => {
  const response = await post(
    JSON.stringify({
      ...good,
      messages: [{ role: 'user', content: 'x'.repeat(8000) }],
      max_tokens: 2 ** 40,
      logit_bias: { 2: -100 },
    }),
  );
  expect(response.status).toBe(200);
  const completion: unknown = await response.json();
  expect(completion).toMatchObject({ choices: [{ finish_reason: 'length' }], usage: { total_tokens: 8192 } });
});

test('a stream that fails before its first token answers with a status, not with an event', async () => {
  const response = await post(
    JSON.stringify({ ...good, stream: true, messages: [{ role: 'user', content: 'x'.repeat(9000) }] }),
  );
  expect(response.status).toBe(400);
  expect(openAiErrorSchema.parse(await response.json()).error.code).toBe('context_length_exceeded');
});

test('an unknown route and a wrong method answer in the same shape', async () => {
  const missing = await fetch(`${agent.url}/v1/nothing`);
  expect([missing.status, openAiErrorSchema.safeParse(await missing.json()).success]).toEqual([404, true]);
  const wrong = await fetch(`${agent.url}/v1/chat/completions`);
  expect([wrong.status, openAiErrorSchema.safeParse(await wrong.json()).success]).toEqual([405, true]);
});
