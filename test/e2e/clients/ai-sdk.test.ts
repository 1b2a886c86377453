import { createOpenAICompatible, type OpenAICompatibleProvider } from '@ai-sdk/openai-compatible';
import {
  APICallError,
  embedMany,
  generateObject,
  generateText,
  Output,
  stepCountIs,
  streamText,
  tool,
} from 'ai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AgentProcess } from '../../support/agent-process.ts';
import {
  A_CITY,
  ANSWER_TOKENS,
  areOfSentences,
  citySchema,
  EMBEDDING_MODEL,
  MODEL,
  QUESTION,
  SCHEMA_TOKENS,
  SENTENCES,
  startAgentForClients,
  TOO_HOT,
  TOO_HOT_MESSAGE,
  TOOL,
  TOOL_RESULT,
} from './subjects.ts';

let agent: AgentProcess;
let provider: OpenAICompatibleProvider;
beforeAll(async () => {
  // generateObject is on its way out, and many applications have it.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  agent = await startAgentForClients();
  provider = createOpenAICompatible({
    name: 'mlxfleet',
    baseURL: `${agent.url}/v1`,
    supportsStructuredOutputs: true,
    includeUsage: true,
  });
});
afterAll(async () => {
  await agent.stop();
});

function free() {
  return {
    model: provider(MODEL),
    prompt: QUESTION,
    temperature: 0,
    maxOutputTokens: ANSWER_TOKENS,
    maxRetries: 0,
  };
}

function bound() {
  return { model: provider(MODEL), prompt: QUESTION, seed: 1, maxOutputTokens: SCHEMA_TOKENS, maxRetries: 0 };
}

test('chat, and a stream whose deltas join to the same', async () => {
  const whole = await generateText(free());
  const streamed = streamText(free());
  const deltas: string[] = [];
  for await (const delta of streamed.textStream) deltas.push(delta);
  expect(deltas.length).toBeGreaterThan(2);
  expect(deltas.join('')).toBe(whole.text);
  expect(whole.usage.outputTokens).toBe(ANSWER_TOKENS);
  expect(await streamed.usage).toMatchObject({
    inputTokens: whole.usage.inputTokens,
    outputTokens: ANSWER_TOKENS,
  });
  expect(await streamed.finishReason).toBe('length');
});

test.each([false, true])(
  'a tool that has to be called, and the turn after it, streaming: %s',
  async (isStreaming) => {
    const options = {
      ...bound(),
      tools: { [TOOL.name]: tool({ ...TOOL, inputSchema: citySchema, execute: () => TOOL_RESULT }) },
      // The provider hands on what it does not know itself.
      providerOptions: { mlxfleet: { parallel_tool_calls: false } },
      stopWhen: stepCountIs(2),
      prepareStep: ({ stepNumber }: { readonly stepNumber: number }) => ({
        toolChoice: stepNumber === 0 ? ('required' as const) : ('none' as const),
        ...(stepNumber === 0 ? {} : { maxOutputTokens: ANSWER_TOKENS }),
      }),
    };
    const steps = isStreaming ? await streamText(options).steps : (await generateText(options)).steps;
    expect(steps).toHaveLength(2);
    const [calling, answering] = steps;
    expect(calling?.finishReason).toBe('tool-calls');
    expect(calling?.toolCalls).toHaveLength(1);
    for (const call of calling?.toolCalls ?? []) {
      expect(call.toolName).toBe(TOOL.name);
      expect(call.input).toEqual(A_CITY);
    }
    expect(calling?.toolResults[0]?.output).toBe(TOOL_RESULT);
    expect(answering?.toolCalls).toEqual([]);
    expect(answering?.text).not.toBe('');
  },
);

test('an object of a JSON schema, whole and streamed', async () => {
  const { object } = await generateObject({ ...bound(), schema: citySchema });
  expect(object).toEqual(A_CITY);
  const output = Output.object({ schema: citySchema });
  expect((await generateText({ ...bound(), output })).output).toEqual(A_CITY);
  expect(await streamText({ ...bound(), output }).output).toEqual(A_CITY);
});

test('embeddings', async () => {
  const { embeddings, usage } = await embedMany({
    model: provider.embeddingModel(EMBEDDING_MODEL),
    values: SENTENCES,
    maxRetries: 0,
  });
  expect(areOfSentences(embeddings)).toBe(true);
  expect(usage.tokens).toBeGreaterThan(SENTENCES.length);
});

test("a refusal is the client's own error with our message", async () => {
  const refused = generateText({ ...free(), temperature: TOO_HOT });
  await expect(refused).rejects.toBeInstanceOf(APICallError);
  await expect(refused).rejects.toMatchObject({
    statusCode: 400,
    message: expect.stringMatching(TOO_HOT_MESSAGE),
    isRetryable: false,
  });
});
