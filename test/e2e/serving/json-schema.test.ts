import { Ajv2020 } from 'ajv/dist/2020.js';
import formats from 'ajv-formats';
import type OpenAI from 'openai';
import { APIError } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';
import { type JsonSchema, randomSchemas } from './random-schemas.ts';

const model = 'tiny-text';
const messages = [{ role: 'user' as const, content: 'Answer in JSON.' }];
const SEED = 4;
const AT_ONCE = 16;

const FEATURES = [
  '$ref',
  'additionalProperties',
  'anyOf',
  'const',
  'enum',
  'exclusiveMinimum',
  'format',
  'items',
  'maxLength',
  'maximum',
  'minItems',
  'minLength',
  'multipleOf',
  'pattern',
  'prefixItems',
  'required',
];

const ajv = formats.default(new Ajv2020({ strict: false }));

let agent: AgentProcess;
beforeAll(async () => {
  agent = await startAgent({ models: [model] });
});
afterAll(async () => {
  await agent.stop();
});

interface Answer {
  readonly text: string;
  readonly reason: string | null | undefined;
}

/** Does the work for every item, so many at a time. */
async function concurrently<Item, Result>(
  items: readonly Item[],
  work: (item: Item, index: number) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  const entries = items.entries();
  const takeFromAll = async (): Promise<void> => {
    for (const [index, item] of entries) results[index] = await work(item, index);
  };
  await Promise.all(Array.from({ length: AT_ONCE }, takeFromAll));
  return results;
}

function responseFormat(schema: JsonSchema): OpenAI.ResponseFormatJSONSchema {
  return { type: 'json_schema', json_schema: { name: 'answer', schema, strict: true } };
}

function chat(schema: JsonSchema, seed: number): OpenAI.ChatCompletionCreateParamsNonStreaming {
  return { model, messages, seed, max_tokens: 300, response_format: responseFormat(schema) };
}

async function whole(schema: JsonSchema, seed: number): Promise<Answer> {
  const { choices } = await agent.client.chat.completions.create(chat(schema, seed));
  return { text: choices[0]?.message.content ?? '', reason: choices[0]?.finish_reason };
}

async function streamed(schema: JsonSchema, seed: number): Promise<Answer> {
  let text = '';
  let reason: string | null | undefined;
  for await (const { choices } of await agent.client.chat.completions.create({
    ...chat(schema, seed),
    stream: true,
  })) {
    text += choices[0]?.delta.content ?? '';
    reason ??= choices[0]?.finish_reason;
  }
  return { text, reason };
}

/** The arguments of the one call that has to come. */
async function called(parameters: JsonSchema, index: number): Promise<Answer> {
  const { choices } = await agent.client.chat.completions.create({
    model,
    messages,
    seed: index,
    max_tokens: 400,
    tools: [
      {
        type: 'function',
        function: { name: 'save', parameters: { ...parameters }, strict: index % 2 === 0 },
      },
    ],
    tool_choice: 'required',
    parallel_tool_calls: false,
  });
  const [call] = choices[0]?.message.tool_calls ?? [];
  const text = call?.type === 'function' ? call.function.arguments : '';
  return { text, reason: choices[0]?.finish_reason };
}

/** What is wrong with an answer that came to its end; null where all is well. */
function fault(text: string, schema: JsonSchema): unknown {
  const validate = ajv.compile(schema);
  return validate(JSON.parse(text)) ? null : { text, schema, errors: validate.errors };
}

function faults(answers: readonly Answer[], schemas: readonly JsonSchema[], ending: string): unknown[] {
  return answers
    .map(({ text, reason }, index) => (reason === ending ? fault(text, schemas[index] ?? {}) : null))
    .filter((each) => each !== null);
}

function finished(answers: readonly Answer[], ending: string): number {
  for (const { reason } of answers) expect([ending, 'length']).toContain(reason);
  return answers.filter(({ reason }) => reason === ending).length;
}

async function refusal(asked: Promise<unknown>): Promise<APIError> {
  const error: unknown = await asked.catch((cause: unknown) => cause);
  if (error instanceof APIError) return error;
  throw new Error('the request was not refused', { cause: error });
}

test('the random schemas have every feature that clients use', () => {
  const text = JSON.stringify(randomSchemas(200, SEED));
  const rare = FEATURES.filter((feature) => text.split(`"${feature}":`).length <= 10);
  expect(rare).toEqual([]);
});

test('what a model that knows nothing finishes follows 200 random schemas, whole and streamed, 16 at once', async () => {
  const schemas = randomSchemas(200, SEED);
  const answers = await concurrently(schemas, (schema, index) =>
    index % 2 === 0 ? whole(schema, index) : streamed(schema, index),
  );
  expect(faults(answers, schemas, 'stop')).toEqual([]);
  expect(finished(answers, 'stop')).toBeGreaterThan(schemas.length / 2);
});

test('a stream is the same answer in pieces', async () => {
  const [schema = {}] = randomSchemas(1, SEED);
  expect(await streamed(schema, 7)).toEqual(await whole(schema, 7));
});

test('arguments of a call that has to come follow the schema of its tool', async () => {
  const schemas = randomSchemas(24, SEED + 1);
  const answers = await concurrently(schemas, called);
  expect(faults(answers, schemas, 'tool_calls')).toEqual([]);
  expect(finished(answers, 'tool_calls')).toBeGreaterThan(schemas.length / 2);
});

const REFUSED: Readonly<Record<string, JsonSchema>> = {
  'Invalid type: banana': { type: 'banana' },
  'properties must be an object': { type: 'object', properties: 5 },
  'the keyword not cannot be enforced': { not: { type: 'string' } },
  'the keyword uniqueItems cannot be enforced': { type: 'array', uniqueItems: true },
  'the format isbn cannot be enforced': { type: 'string', format: 'isbn' },
  'a pattern cannot be enforced': { type: 'string', pattern: '^(?!a)b$' },
  'no value satisfies it': { type: 'integer', minimum: 5, maximum: 1 },
  "refers to 'https://example.com/a.json'": { $ref: 'https://example.com/a.json' },
  'has no end': { type: 'object', properties: { self: { $ref: '#' } }, required: ['self'] },
  'too large or too complex': {
    properties: Object.fromEntries(Array.from({ length: 5000 }, (_, i) => [`p${String(i)}`, {}])),
  },
};

test.each(Object.entries(REFUSED))(
  'a schema is refused by name, streamed or not: %s',
  async (words, schema) => {
    for (const stream of [false, true]) {
      const error = await refusal(agent.client.chat.completions.create({ ...chat(schema, 0), stream }));
      expect([error.status, error.param]).toEqual([400, 'response_format']);
      expect(error.message).toContain(words);
    }
  },
);

const UNENFORCEABLE: Readonly<Record<string, JsonSchema>> = {
  "'oops' is no type": { type: 'oops' },
  'arguments are an object': { type: 'array' },
  'the keyword not cannot be enforced': { type: 'object', properties: { a: { not: {} } }, required: ['a'] },
};

test.each(Object.entries(UNENFORCEABLE))(
  'parameters that a call cannot be made to follow are refused by name: %s',
  async (words, parameters) => {
    const choices = [
      { tool_choice: 'required', strict: false },
      { tool_choice: { type: 'function', function: { name: 'save' } }, strict: false },
      { tool_choice: 'auto', strict: true },
    ] as const;
    for (const { tool_choice, strict } of choices) {
      const error = await refusal(
        agent.client.chat.completions.create({
          model,
          messages,
          tools: [{ type: 'function', function: { name: 'save', parameters: { ...parameters }, strict } }],
          tool_choice,
        }),
      );
      expect([error.status, error.param]).toEqual([400, 'tools.0.function.parameters']);
      expect(error.message).toContain(words);
      expect(error.message).toContain('tools[0].function.parameters');
    }
  },
);

test('a call that has to come and is cut off leaves nothing in the content, whole and streamed', async () => {
  const parameters: JsonSchema = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
  for (const max_tokens of [1, 3, 20, 40]) {
    const body: OpenAI.ChatCompletionCreateParamsNonStreaming = {
      model,
      messages,
      max_tokens,
      tools: [{ type: 'function', function: { name: 'save', parameters: { ...parameters } } }],
      tool_choice: 'required',
    };
    const { choices } = await agent.client.chat.completions.create(body);
    expect(choices[0]?.message.content ?? '').toBe('');
    expect(choices[0]?.finish_reason).toBe('length');
    let content = '';
    for await (const chunk of await agent.client.chat.completions.create({ ...body, stream: true })) {
      content += chunk.choices[0]?.delta.content ?? '';
    }
    expect(content).toBe('');
  }
});

test('nor does it leave text in a response or a message', async () => {
  const parameters = { type: 'object', properties: { a: { type: 'string' } }, required: ['a'] };
  const response = await agent.client.responses.create({
    model,
    input: 'zebra',
    max_output_tokens: 20,
    tools: [{ type: 'function', name: 'save', parameters, strict: false }],
    tool_choice: 'required',
  });
  expect([response.status, response.output_text]).toEqual(['incomplete', '']);
  const message = await agent.client.post('/messages', {
    body: {
      model,
      messages,
      max_tokens: 20,
      tools: [{ name: 'save', input_schema: parameters }],
      tool_choice: { type: 'any' },
    },
  });
  expect(message).toMatchObject({ stop_reason: 'max_tokens' });
  expect(JSON.stringify(message)).not.toContain('"text"');
});

test('after all refusals the model answers as before', async () => {
  const [schema = {}] = randomSchemas(1, SEED);
  expect((await whole(schema, 7)).text).not.toBe('');
});
