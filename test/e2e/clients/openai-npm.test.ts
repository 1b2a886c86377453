import OpenAI, { BadRequestError, NotFoundError } from 'openai';
import { zodFunction, zodResponseFormat, zodTextFormat } from 'openai/helpers/zod';
import type { ParsedChatCompletion } from 'openai/resources/chat/completions';
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
let client: OpenAI;
beforeAll(async () => {
  agent = await startAgentForClients();
  client = new OpenAI({ baseURL: `${agent.url}/v1`, apiKey: 'any', maxRetries: 0 });
});
afterAll(async () => {
  await agent.stop();
});

const messages = [{ role: 'user' as const, content: QUESTION }];
const free = { model: MODEL, messages, temperature: 0, max_completion_tokens: ANSWER_TOKENS };
const bound = { model: MODEL, messages, seed: 1, max_completion_tokens: SCHEMA_TOKENS };

/** The first call of an answer that has to call, read by the client. */
function forcedCall({ choices }: ParsedChatCompletion<unknown>) {
  const [choice] = choices;
  const [call] = choice?.message.tool_calls ?? [];
  if (call?.type !== 'function') throw new Error('there is no call');
  expect([choice?.finish_reason, call.function.name]).toEqual(['tool_calls', TOOL.name]);
  expect(call.function.parsed_arguments).toEqual(A_CITY);
  return call;
}

test('the models', async () => {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  expect(ids.toSorted()).toEqual([EMBEDDING_MODEL, MODEL].toSorted());
});

test('chat, and a stream whose deltas join to the same', async () => {
  const whole = await client.chat.completions.create(free);
  const stream = await client.chat.completions.create({
    ...free,
    stream: true,
    stream_options: { include_usage: true },
  });
  const deltas: string[] = [];
  let usage: OpenAI.CompletionUsage | null | undefined = null;
  for await (const chunk of stream) {
    deltas.push(...chunk.choices.map(({ delta }) => delta.content ?? ''));
    usage = chunk.usage;
  }
  expect(deltas.length).toBeGreaterThan(2);
  expect(deltas.join('')).toBe(whole.choices[0]?.message.content);
  expect(whole.usage?.completion_tokens).toBe(ANSWER_TOKENS);
  expect(usage?.prompt_tokens).toBe(whole.usage?.prompt_tokens);
  expect(usage?.total_tokens).toBe((usage?.prompt_tokens ?? 0) + ANSWER_TOKENS);
});

test('a tool that has to be called, and the turn after it', async () => {
  const request = {
    ...bound,
    tools: [zodFunction({ ...TOOL, parameters: citySchema })],
    tool_choice: { type: 'function' as const, function: { name: TOOL.name } },
  };
  const whole = await client.chat.completions.parse(request);
  forcedCall(await client.chat.completions.stream(request).finalChatCompletion());
  const call = forcedCall(whole);
  const result = { role: 'tool' as const, tool_call_id: call.id, content: TOOL_RESULT };
  const after = await client.chat.completions.create({
    ...free,
    tools: request.tools,
    tool_choice: 'none',
    messages: [...messages, ...whole.choices.map(({ message }) => message), result],
  });
  expect(after.choices[0]?.message.content).not.toBe('');
  expect(after.usage?.completion_tokens).toBe(ANSWER_TOKENS);
});

test('a loop of tools by the helper', async () => {
  const given: unknown[] = [];
  const runner = client.chat.completions.runTools(
    {
      ...bound,
      tool_choice: 'required',
      parallel_tool_calls: false,
      tools: [
        zodFunction({
          ...TOOL,
          parameters: citySchema,
          function: (city) => {
            given.push(city);
            return TOOL_RESULT;
          },
        }),
      ],
    },
    { maxChatCompletions: 2 },
  );
  await runner.done();
  expect(given).toHaveLength(2);
  for (const city of given) expect(city).toEqual(A_CITY);
});

test('an object of a JSON schema, whole and streamed', async () => {
  const request = { ...bound, response_format: zodResponseFormat(citySchema, 'city') };
  const whole = await client.chat.completions.parse(request);
  expect(whole.choices[0]?.message.parsed).toEqual(A_CITY);
  const streamed = await client.chat.completions.stream(request).finalChatCompletion();
  expect(streamed.choices[0]?.message.parsed).toEqual(A_CITY);
});

test('responses: an object of a JSON schema, a call and its result', async () => {
  const common = { model: MODEL, input: QUESTION, temperature: 0, max_output_tokens: SCHEMA_TOKENS };
  const format = zodTextFormat(citySchema, 'city');
  const parsed = await client.responses.parse({ ...common, text: { format } });
  expect(parsed.output_parsed).toEqual(A_CITY);

  const tools = [
    {
      type: 'function' as const,
      name: TOOL.name,
      parameters: zodTextFormat(citySchema, 'arguments').schema,
      strict: true,
    },
  ];
  const called = await client.responses.create({
    ...common,
    tools,
    tool_choice: 'required',
    parallel_tool_calls: false,
  });
  const call = called.output.find(({ type }) => type === 'function_call');
  if (call?.type !== 'function_call') throw new Error('there is no call');
  expect(JSON.parse(call.arguments)).toEqual(A_CITY);
  const after = await client.responses.create({
    model: MODEL,
    previous_response_id: called.id,
    input: [{ type: 'function_call_output', call_id: call.call_id, output: TOOL_RESULT }],
    max_output_tokens: ANSWER_TOKENS,
  });
  expect(after.usage?.output_tokens).toBe(ANSWER_TOKENS);
});

test('embeddings, as numbers and as the base64 that the client asks for by itself', async () => {
  const request = { model: EMBEDDING_MODEL, input: SENTENCES };
  const decoded = await client.embeddings.create(request);
  const numbers = await client.embeddings.create({ ...request, encoding_format: 'float' });
  expect(areOfSentences(numbers.data.map(({ embedding }) => embedding))).toBe(true);
  for (const [index, { embedding }] of numbers.data.entries()) {
    expect(decoded.data[index]?.embedding).toEqual(embedding.map(Math.fround));
  }
  expect(decoded.usage.prompt_tokens).toBeGreaterThan(SENTENCES.length);
});

test("a refusal is the client's own error with our message", async () => {
  const refused = client.chat.completions.create({ ...free, temperature: TOO_HOT });
  await expect(refused).rejects.toBeInstanceOf(BadRequestError);
  await expect(refused).rejects.toMatchObject({
    status: 400,
    param: 'temperature',
    message: expect.stringMatching(TOO_HOT_MESSAGE),
  });
  const unknown = client.embeddings.create({ model: 'nothing', input: 'a' });
  await expect(unknown).rejects.toBeInstanceOf(NotFoundError);
});
