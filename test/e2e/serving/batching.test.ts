import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';

const MODEL = 'tiny-text';
const TOKENS = 256;

let agent: AgentProcess;
beforeAll(async () => {
  agent = await startAgent({ models: [MODEL] });
  await streamed('warm up');
});
afterAll(async () => {
  await agent.stop();
});

interface Stream {
  readonly text: string;
  readonly tokens: number;
  readonly finishReason: string | null;
}

async function streamed(content: string): Promise<Stream> {
  const stream = await agent.client.chat.completions.create({
    model: MODEL,
    messages: [{ role: 'user', content }],
    max_tokens: TOKENS,
    temperature: 0,
    stream: true,
    stream_options: { include_usage: true },
  });
  let text = '';
  let tokens = 0;
  let finishReason: string | null = null;
  for await (const chunk of stream) {
    text += chunk.choices[0]?.delta.content ?? '';
    finishReason = chunk.choices[0]?.finish_reason ?? finishReason;
    tokens = chunk.usage?.completion_tokens ?? tokens;
  }
  return { text, tokens, finishReason };
}

/** Completion tokens a second of all the streams together. */
async function throughput(prompts: readonly string[]): Promise<number> {
  const start = performance.now();
  const streams = await Promise.all(prompts.map(streamed));
  const tokens = streams.reduce((sum, stream) => sum + stream.tokens, 0);
  return tokens / ((performance.now() - start) / 1000);
}

const prompts = Array.from({ length: 8 }, (_, index) => `question number ${String(index)}`);

test('eight concurrent streams are complete and none is mixed up with another', async () => {
  const alone: Stream[] = [];
  for (const prompt of prompts) alone.push(await streamed(prompt));
  expect(new Set(alone.map((stream) => stream.text)).size).toBe(8);
  expect(await Promise.all(prompts.map(streamed))).toEqual(alone);
  for (const stream of alone) expect(stream.finishReason === 'stop' || stream.tokens === TOKENS).toBe(true);
});

test('eight concurrent streams together are well above one stream', async () => {
  const one: number[] = [];
  const eight: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    one.push(await throughput(['one stream of its own']));
    eight.push(await throughput(prompts));
  }
  const ratio = (eight.toSorted((a, b) => a - b)[2] ?? 0) / (one.toSorted((a, b) => a - b)[2] ?? Infinity);
  expect(ratio).toBeGreaterThan(2);
});
