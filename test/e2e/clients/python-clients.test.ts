import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { ensureClientsEnvironment } from '../../../scripts/lib/clients-environment.ts';
import { capture } from '../../../scripts/lib/command.ts';
import type { AgentProcess } from '../../support/agent-process.ts';
import {
  A_CITY,
  ANSWER_TOKENS,
  areOfSentences,
  EMBEDDING_MODEL,
  MODEL,
  QUESTION,
  SCHEMA_TOKENS,
  SENTENCES,
  startAgentForClients,
  TOO_HOT,
  TOO_HOT_MESSAGE,
  TOOL_RESULT,
} from './subjects.ts';

const usage = z.object({ input: z.int().positive(), output: z.literal(ANSWER_TOKENS), total: z.int() });

/** What python_clients.py prints. */
const answersSchema = z.object({
  chat: z.object({ text: z.string().min(1), usage }),
  stream: z.object({ deltas: z.array(z.string()), usage }),
  tools: z.object({
    calls: z.array(z.object({ name: z.string(), arguments: z.unknown() })),
    answer: z.string().min(1),
  }),
  objects: z.array(z.unknown()),
  embeddings: z.array(z.array(z.array(z.number()))),
  error: z.object({ status: z.int(), message: z.string() }),
});

let agent: AgentProcess;
beforeAll(async () => {
  await ensureClientsEnvironment();
  agent = await startAgentForClients();
});
afterAll(async () => {
  await agent.stop();
});

async function drive(client: string): Promise<z.infer<typeof answersSchema>> {
  const script = path.join(import.meta.dirname, 'python_clients.py');
  const plan = {
    url: `${agent.url}/v1`,
    model: MODEL,
    embedding_model: EMBEDDING_MODEL,
    question: QUESTION,
    sentences: SENTENCES,
    tool_result: TOOL_RESULT,
    answer_tokens: ANSWER_TOKENS,
    schema_tokens: SCHEMA_TOKENS,
    too_hot: TOO_HOT,
  };
  const result = await capture(
    await ensureClientsEnvironment(),
    ['-I', '-B', script, client, JSON.stringify(plan)],
    { env: { LANGSMITH_TRACING: 'false', LANGCHAIN_TRACING_V2: 'false', NO_PROXY: '*', no_proxy: '*' } },
  );
  if (result.exitCode !== 0) throw new Error(result.output);
  return answersSchema.parse(JSON.parse(result.stdout));
}

describe.each([
  { client: 'openai', toolName: 'look_up' },
  { client: 'langchain', toolName: 'City' },
])('$client', ({ client, toolName }) => {
  let answers: z.infer<typeof answersSchema>;
  beforeAll(async () => {
    answers = await drive(client);
  });

  test('chat, and a stream whose deltas join to the same', () => {
    const { chat, stream } = answers;
    expect(stream.deltas.length).toBeGreaterThan(2);
    expect(stream.deltas.join('')).toBe(chat.text);
    expect(stream.usage).toEqual(chat.usage);
    expect(chat.usage.total).toBe(chat.usage.input + ANSWER_TOKENS);
  });

  test('a tool that has to be called, and the turn after it', () => {
    const { calls } = answers.tools;
    expect(calls.length).toBeGreaterThan(0);
    for (const call of calls) {
      expect(call.name).toBe(toolName);
      expect(call.arguments).toEqual(A_CITY);
    }
  });

  test('objects of a JSON schema', () => {
    expect(answers.objects).toHaveLength(3);
    for (const object of answers.objects) expect(object).toEqual(A_CITY);
  });

  test('embeddings', () => {
    const [first = [], second = []] = answers.embeddings;
    expect(areOfSentences(first)).toBe(true);
    expect(areOfSentences(second)).toBe(true);
    const differences = first.map((vector, row) =>
      Math.max(...vector.map((value, index) => Math.abs(value - (second[row]?.[index] ?? Number.NaN)))),
    );
    expect(Math.max(...differences)).toBeLessThan(1e-4);
  });

  test("a refusal is the client's own error with our message", () => {
    expect(answers.error).toEqual({ status: 400, message: expect.stringMatching(TOO_HOT_MESSAGE) });
  });
});
