import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { chatCompletionSchema } from '@mlxfleet/protocol';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';
import { greedyTokens } from './reference.ts';

const LONG_AND_SHORT = [
  'What is the capital of France?',
  'Count to ten.',
  'a',
  'Write a poem about the sea, about ships that never come home, and about those who wait for them on the shore.',
  'Ünïcödé 漢字 🙂',
  '{"json": true}',
  'The quick brown fox jumps over the lazy dog. '.repeat(12),
  'Why?',
];

/** A real model makes ten tokens a second on two cores without a GPU, prompts included. */
const SHORT = [
  'What is the capital of France?',
  'Count to ten.',
  'a',
  'Why?',
  'Hi',
  'Name a colour.',
  'What is 2 + 2?',
  'Say yes.',
];

describe.each([
  { model: 'tiny-text' as const, prompts: LONG_AND_SHORT, maxTokens: 64 },
  { model: 'SmolLM2-135M-Instruct' as const, prompts: SHORT, maxTokens: 8 },
])('greedy output of $model', ({ model, prompts, maxTokens }) => {
  let agent: AgentProcess;
  let expected: number[][];

  beforeAll(async () => {
    agent = await startAgent({ models: [model] });
    expected = await greedyTokens(model, prompts, maxTokens);
  });
  afterAll(async () => {
    await agent.stop();
  });

  const completionTokens = async (text: string): Promise<number[] | undefined> => {
    const response = await fetch(`${agent.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({
        model,
        messages: [{ role: 'user', content: text }],
        max_tokens: maxTokens,
        temperature: 0,
        return_token_ids: true,
      }),
    });
    return chatCompletionSchema.parse(await response.json()).choices[0]?.token_ids;
  };

  test('equals mlx_lm.generate token for token, alone', async () => {
    const alone: unknown[] = [];
    for (const text of prompts) alone.push(await completionTokens(text));
    expect(alone).toEqual(expected);
  });

  test('equals mlx_lm.generate token for token, inside a batch of 8 different prompts', async () => {
    expect(await Promise.all(prompts.map(completionTokens))).toEqual(expected);
  });
});
