import Fastify, { type FastifyInstance } from 'fastify';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { chat, startTestAgent, type TestAgent } from '../test-support/test-agent.ts';
import { messages } from './anthropic/messages.ts';
import { chatCompletions } from './openai/chat/chat-completions.ts';

let agent: TestAgent;
let app: FastifyInstance;
beforeAll(async () => {
  agent = await startTestAgent({
    models: { m: {}, unhurried: { step_ms: 250 } },
    overrides: { heartbeatMs: 50 },
  });
  app = Fastify();
  app.addHook('onRequest', async (_, reply) => {
    reply.headers({ 'x-ratelimit-remaining-requests': 7, 'request-id': 'of a hook' });
  });
  chatCompletions(app, agent.services, 1024);
  messages(app, agent.services, 1024);
});
afterAll(async () => {
  await app.close();
  await agent.dispose();
});

test.each([false, true])('headers that hooks have set are sent, streaming: %s', async (stream) => {
  const payload = chat('tokens=1', { stream });
  const answer = await app.inject({ method: 'POST', url: '/v1/chat/completions', payload });
  expect([answer.statusCode, answer.headers]).toMatchObject([
    200,
    {
      'x-ratelimit-remaining-requests': '7',
      'content-type': stream ? 'text/event-stream; charset=utf-8' : 'application/json; charset=utf-8',
    },
  ]);
});

test.each([false, true])("an API's own headers go before them, streaming: %s", async (stream) => {
  const payload = chat('tokens=1', { max_tokens: 9, stream });
  const answer = await app.inject({ method: 'POST', url: '/v1/messages', payload });
  expect(answer.headers).toMatchObject({
    'x-ratelimit-remaining-requests': '7',
    'request-id': expect.stringMatching(/^req-/),
  });
});

test.each([
  { route: '/v1/chat/completions', fields: chat('tokens=2'), heartbeat: ': waiting' },
  { route: '/v1/completions', fields: { prompt: 'tokens=2' }, heartbeat: ': waiting' },
  { route: '/v1/responses', fields: { input: 'tokens=2' }, heartbeat: ': waiting' },
  {
    route: '/v1/messages',
    fields: chat('tokens=2', { max_tokens: 9 }),
    heartbeat: 'event: ping\ndata: {"type":"ping"}',
  },
])('$route: heartbeats between the outputs of a slow model', async ({ route, fields, heartbeat }) => {
  const answer = await agent.post(route, { ...fields, model: 'unhurried', stream: true });
  const text = await answer.text();
  const between = text.slice(text.indexOf('"t0 "'), text.indexOf('"t1 "')).split('\n\n');
  expect(between.filter((event) => event === heartbeat).length).toBeGreaterThanOrEqual(2);
});
