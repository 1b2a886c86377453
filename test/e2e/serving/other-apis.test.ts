import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';

const model = 'tiny-text';
const greedy = { model, temperature: 0 } as const;

let agent: AgentProcess;
let anthropic: Anthropic;
beforeAll(async () => {
  agent = await startAgent({ models: [model] });
  anthropic = new Anthropic({ baseURL: agent.url, apiKey: 'any', maxRetries: 0 });
});
afterAll(async () => {
  await agent.stop();
});

/** What chat completions answer to the same conversation. */
async function byChat(...texts: string[]): Promise<string> {
  const messages = texts.map((content, index) => ({
    role: index % 2 === 0 ? ('user' as const) : ('assistant' as const),
    content,
  }));
  const answer = await agent.client.chat.completions.create({ ...greedy, messages, max_tokens: 30 });
  return answer.choices[0]?.message.content ?? '';
}

test('a response, whole and streamed, is what chat completions answer', async () => {
  const body = { ...greedy, input: 'hello there', max_output_tokens: 30 };
  const expected = await byChat('hello there');
  expect(expected).not.toBe('');
  const whole = await agent.client.responses.create(body);
  const streamed = await agent.client.responses.stream(body).finalResponse();
  expect([whole.output_text, streamed.output_text]).toEqual([expected, expected]);
  expect(whole.usage).toMatchObject({ output_tokens: 30, output_tokens_details: { reasoning_tokens: 0 } });
});

test('a stored conversation goes on as one that is sent again, from the cache', async () => {
  const long = 'a question of some length '.repeat(20);
  const first = await agent.client.responses.create({ ...greedy, input: long, max_output_tokens: 30 });
  const second = await agent.client.responses.create({
    ...greedy,
    input: 'and then?',
    previous_response_id: first.id,
    max_output_tokens: 30,
  });
  expect(second.output_text).toBe(await byChat(long, first.output_text, 'and then?'));
  expect(second.usage?.input_tokens_details.cached_tokens).toBeGreaterThan(long.length / 2);
});

test('the text of a response follows a JSON schema', async () => {
  const schema = {
    type: 'object',
    properties: { ok: { type: 'boolean' } },
    required: ['ok'],
    additionalProperties: false,
  };
  const parsed = await agent.client.responses.parse({
    model,
    input: 'json',
    max_output_tokens: 200,
    text: { format: { type: 'json_schema', name: 'answer', schema, strict: true } },
  });
  expect(Object.values(parsed.output_parsed ?? {})).toEqual([expect.any(Boolean)]);
});

test('a message, whole and streamed, is what chat completions answer, and ends at a stop sequence', async () => {
  const body = { ...greedy, max_tokens: 30, messages: [{ role: 'user' as const, content: 'hello there' }] };
  const expected = await byChat('hello there');
  const text = [{ type: 'text', text: expected }];
  const whole = await anthropic.messages.create(body);
  expect(whole).toMatchObject({ content: text, stop_reason: 'max_tokens' });
  expect(await anthropic.messages.stream(body).finalMessage()).toMatchObject({ content: text });
  const stop = expected.slice(5, 7);
  const stopped = await anthropic.messages.create({ ...body, stop_sequences: [stop] });
  expect(stopped).toMatchObject({
    content: [{ text: expected.slice(0, expected.indexOf(stop)) }],
    stop_reason: 'stop_sequence',
    stop_sequence: stop,
  });
});
