import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from './agent-process.ts';
import { greedyTokens } from './reference.ts';

const PROMPTS = [
  'What is the capital of France?',
  'Count to ten.',
  'a',
  'Write a poem about the sea, about ships that never come home, and about those who wait for them on the shore.',
  'Ünïcödé 漢字 🙂',
  '{"json": true}',
  'The quick brown fox jumps over the lazy dog. '.repeat(12),
  'Why?',
] as const;

describe.each([
  { model: 'tiny-text', maxTokens: 64 },
  { model: 'SmolLM2-135M-Instruct', maxTokens: 12 },
])('greedy output of $model', ({ model, maxTokens }) => {
  let agent: AgentProcess;
  let expected: number[][];

  beforeAll(async () => {
    agent = await startAgent({ models: [model] });
    expected = await greedyTokens(model, PROMPTS, maxTokens);
  });
  afterAll(async () => {
    await agent.stop();
  });

  const completionTokens = async (text: string): Promise<number[] | undefined> => {
    const completion = await agent.client.chat.completions.create({
      model,
      messages: [{ role: 'user', content: text }],
      max_tokens: maxTokens,
      temperature: 0,
      ...{ return_token_ids: true },
    });
    const choice: { token_ids?: number[] } | undefined = completion.choices[0];
    return choice?.token_ids;
  };

  test('equals mlx_lm.generate token for token, alone', async () => {
    for (const [index, text] of PROMPTS.entries()) {
      expect(await completionTokens(text), text).toEqual(expected[index]);
    }
  });

  test('equals mlx_lm.generate token for token, inside a batch of 8 different prompts', async () => {
    expect(await Promise.all(PROMPTS.map(completionTokens))).toEqual(expected);
  });
});
