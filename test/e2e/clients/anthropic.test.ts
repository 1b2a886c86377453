import Anthropic, { BadRequestError } from '@anthropic-ai/sdk';
import { betaZodTool } from '@anthropic-ai/sdk/helpers/beta/zod';
import { zodOutputFormat } from '@anthropic-ai/sdk/helpers/zod';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { z } from 'zod';
import type { AgentProcess } from '../../support/agent-process.ts';
import {
  A_CITY,
  ANSWER_TOKENS,
  citySchema,
  MODEL,
  QUESTION,
  SCHEMA_TOKENS,
  startAgentForClients,
  TOO_HOT,
  TOO_HOT_MESSAGE,
  TOOL,
  TOOL_RESULT,
} from './subjects.ts';

let agent: AgentProcess;
let client: Anthropic;
beforeAll(async () => {
  agent = await startAgentForClients();
  client = new Anthropic({ baseURL: agent.url, apiKey: 'any', maxRetries: 0 });
});
afterAll(async () => {
  await agent.stop();
});

const messages = [{ role: 'user' as const, content: QUESTION }];
const free = { model: MODEL, messages, temperature: 0, max_tokens: ANSWER_TOKENS };
const bound = { model: MODEL, messages, temperature: 0, max_tokens: SCHEMA_TOKENS };

/** The client's helper sends neither enumerations nor bounds. */
const flagsSchema = z.strictObject({ isCapital: z.boolean(), isPort: z.boolean() });
const FLAGS: unknown = { isCapital: expect.any(Boolean), isPort: expect.any(Boolean) };

test('the models', async () => {
  const ids: string[] = [];
  for await (const { id } of client.models.list()) ids.push(id);
  expect(ids).toContain(MODEL);
});

test('a message, and a stream whose deltas join to the same', async () => {
  const whole = await client.messages.create(free);
  const deltas: string[] = [];
  const stream = client.messages.stream(free).on('text', (delta) => deltas.push(delta));
  const { content, usage } = await stream.finalMessage();
  expect(deltas.length).toBeGreaterThan(2);
  expect(whole.content).toMatchObject([{ type: 'text', text: deltas.join('') }]);
  expect(content).toEqual(whole.content);
  expect(whole.usage).toMatchObject({ output_tokens: ANSWER_TOKENS });
  expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(whole.usage.input_tokens);
});

test('a tool that has to be used, and the turn after it', async () => {
  const request = {
    ...bound,
    tools: [{ ...TOOL, input_schema: { ...z.toJSONSchema(citySchema), type: 'object' as const } }],
    tool_choice: { type: 'tool' as const, name: TOOL.name },
  };
  const whole = await client.messages.create(request);
  const streamed = await client.messages.stream(request).finalMessage();
  for (const { content, stop_reason: reason } of [whole, streamed]) {
    expect(content).toMatchObject([{ type: 'tool_use', name: TOOL.name }]);
    expect(reason).toBe('tool_use');
    for (const block of content) expect(block.type === 'tool_use' ? block.input : null).toEqual(A_CITY);
  }
  const { input_tokens: counted } = await client.messages.countTokens({
    model: MODEL,
    messages,
    tools: request.tools,
  });
  expect(counted).toBe(whole.usage.input_tokens + (whole.usage.cache_read_input_tokens ?? 0));
  const [use] = whole.content;
  const after = await client.messages.create({
    ...free,
    tools: request.tools,
    tool_choice: { type: 'none' },
    messages: [
      ...messages,
      { role: 'assistant', content: whole.content },
      {
        role: 'user',
        content: [
          {
            type: 'tool_result',
            tool_use_id: use?.type === 'tool_use' ? use.id : '',
            content: [{ type: 'text', text: TOOL_RESULT }],
          },
        ],
      },
    ],
  });
  expect(after).toMatchObject({ stop_reason: 'max_tokens', content: [{ type: 'text' }] });
});

test('a loop of tools by the helper', async () => {
  const given: unknown[] = [];
  const runner = client.beta.messages.toolRunner({
    ...bound,
    tools: [
      betaZodTool({
        ...TOOL,
        inputSchema: citySchema,
        run: (city) => {
          given.push(city);
          return TOOL_RESULT;
        },
      }),
    ],
    tool_choice: { type: 'any', disable_parallel_tool_use: true },
    max_iterations: 2,
  });
  await runner.runUntilDone();
  expect(given.length).toBeGreaterThan(0);
  for (const city of given) expect(city).toEqual(A_CITY);
});

test('an object of a JSON schema, whole and streamed', async () => {
  const request = { ...bound, output_config: { format: zodOutputFormat(flagsSchema) } };
  expect((await client.messages.parse(request)).parsed_output).toEqual(FLAGS);
  expect((await client.messages.stream(request).finalMessage()).parsed_output).toEqual(FLAGS);
});

test('a JSON schema that no helper has touched is followed whole', async () => {
  const format = { type: 'json_schema' as const, schema: z.toJSONSchema(citySchema) };
  const { content } = await client.messages.create({ ...bound, output_config: { format } });
  expect(content.map((block) => block.type === 'text' && JSON.parse(block.text))).toEqual([A_CITY]);
});

test("a refusal is the client's own error with our message", async () => {
  const refused = client.messages.create({ ...free, temperature: TOO_HOT });
  await expect(refused).rejects.toBeInstanceOf(BadRequestError);
  await expect(refused).rejects.toMatchObject({
    status: 400,
    type: 'invalid_request_error',
    message: expect.stringMatching(TOO_HOT_MESSAGE),
    requestID: expect.stringMatching(/^req-/),
  });
});
