import Anthropic from '@anthropic-ai/sdk';
import { anthropicErrorSchema, countTokensSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually, startTestAgent, type TestAgent } from '../../test-support/test-agent.ts';

const ROUTE = '/v1/messages/count_tokens';
let agent: TestAgent;
let client: Anthropic;
beforeAll(async () => {
  agent = await startTestAgent({ config: { request_timeout_seconds: 1.5 } });
  client = new Anthropic({ baseURL: agent.url, apiKey: 'any', maxRetries: 0 });
});
afterAll(async () => {
  await agent.dispose();
});

function running(): number | undefined {
  return agent.services.pool.peek('m')?.runningCount;
}

const message = { role: 'user', content: 'four' } as const;
const tools = [{ name: 'f', input_schema: { type: 'object' as const } }];

test("Anthropic's client gets the tokens of a prompt", async () => {
  const count = client.messages.countTokens({ model: 'm', messages: [message], tools });
  const { data, request_id: requestId } = await count.withResponse();
  expect(countTokensSchema.strict().parse(data)).toEqual({ input_tokens: 4 });
  expect(requestId).toMatch(/^req-/);
});

test('a conversation may end with the assistant', async () => {
  const messages = [message, { role: 'assistant' as const, content: 'I' }];
  expect(await client.messages.countTokens({ model: 'm', messages })).toEqual({ input_tokens: 6 });
});

test.each<[object, number, string, string | null]>([
  [{ messages: [] }, 400, 'invalid_request_error', 'messages'],
  [{ tools: [{ name: 'f' }] }, 400, 'invalid_request_error', 'tools.0.input_schema'],
  [{ tools: [...tools, ...tools] }, 400, 'invalid_request_error', 'tools.1.name'],
  [{ mcp_servers: [{ url: 'https://example.com' }] }, 400, 'invalid_request_error', 'mcp_servers'],
  [{ model: 'nothing' }, 404, 'not_found_error', 'model'],
  [{ messages: [{ role: 'user', content: 'mute' }] }, 504, 'timeout_error', null],
])('%j', async (fields, status, type, param) => {
  const response = await agent.post(ROUTE, { model: 'm', messages: [message], ...fields });
  const { error } = anthropicErrorSchema.strict().parse(await response.json());
  expect([response.status, error.type, error.param]).toEqual([status, type, param]);
  expect(response.headers.get('request-id')).toBe(response.headers.get('x-request-id'));
});

test('a client that goes away ends its question', async () => {
  const abort = new AbortController();
  const messages = [{ role: 'user' as const, content: 'mute' }];
  const count = client.messages.countTokens({ model: 'm', messages }, { signal: abort.signal });
  const answer = count.catch(() => 'aborted');
  await eventually(() => running() === 1, 'the worker has the question');
  abort.abort();
  await eventually(() => running() === 0, 'the worker is rid of it');
  expect(await answer).toBe('aborted');
});
