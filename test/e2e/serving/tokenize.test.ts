import { openAiErrorSchema, tokenizationSchema } from '@mlxfleet/protocol';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';

const MODEL = 'tiny-text';

let agent: AgentProcess;
beforeAll(async () => {
  agent = await startAgent({ models: [MODEL] });
});
afterAll(async () => {
  await agent.stop();
});

async function tokenize(input: string): Promise<Response> {
  return await fetch(`${agent.url}/v1/tokenize`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: MODEL, input }),
  });
}

/** Each character is a token of this model: as JSON the tokens would be more than one line of a worker may hold. */
test.each([
  { characters: 6_000_000, named: '6000000 characters' },
  { characters: 3_000_000, named: '3000000 tokens' },
])('a text of $named is refused, and the streams of the model go on', async ({ characters, named }) => {
  const stream = await agent.client.chat.completions.create({
    model: MODEL,
    messages: [{ role: 'user', content: 'hello' }],
    max_tokens: 2000,
    stream: true,
    logit_bias: { 2: -100 },
  });
  const long = await tokenize('7'.repeat(characters));
  const { error } = openAiErrorSchema.parse(await long.json());
  expect([long.status, error.param]).toEqual([400, 'input']);
  expect(error.message).toContain(named);
  let reason: string | null | undefined = null;
  for await (const chunk of stream) reason = chunk.choices[0]?.finish_reason ?? reason;
  expect(reason).toBe('length');
  const short = await tokenize('zebra');
  expect(tokenizationSchema.parse(await short.json()).count).toBe(5);
});
