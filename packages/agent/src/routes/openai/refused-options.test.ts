import {
  chatRequestSchema,
  completionRequestSchema,
  IGNORED_OPTIONS,
  openAiErrorSchema,
  UNSUPPORTED_CHAT_OPTIONS,
  UNSUPPORTED_COMPLETION_OPTIONS,
  UNSUPPORTED_NOTES,
} from '@mlxfleet/protocol';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startTestAgent, type TestAgent } from '../../test-support/test-agent.ts';

let agent: TestAgent;
beforeAll(async () => {
  agent = await startTestAgent({ models: { m: {} } });
});
afterAll(async () => {
  await agent.dispose();
});

const CHAT = '/v1/chat/completions';
const PLAIN = '/v1/completions';
const GOOD = {
  [CHAT]: { model: 'm', messages: [{ role: 'user', content: 'tokens=1' }] },
  [PLAIN]: { model: 'm', prompt: 'tokens=1' },
};
type Route = keyof typeof GOOD;

interface Verdict {
  readonly status: number;
  readonly param: string | null;
  readonly code: string | null;
}

async function ask(route: Route, fields: object): Promise<Verdict> {
  const response = await agent.post(route, { ...GOOD[route], ...fields });
  const body: unknown = await response.json();
  if (response.status === 200) return { status: 200, param: null, code: null };
  const { param, code } = openAiErrorSchema.parse(body).error;
  return { status: response.status, param, code };
}

/** A schema of so many levels. */
function deep(levels: number): object {
  return levels === 0 ? { type: 'null' } : { items: deep(levels - 1) };
}

const tool = (name: unknown, more: object = {}): object => ({
  type: 'function',
  function: { name, ...more },
});
const format = (schema: unknown, name: unknown = 'n'): object => ({
  type: 'json_schema',
  json_schema: { name, schema },
});

/** Option to values that it does not take, each with the field at fault where that is not the option itself. */
type BadValues = Readonly<Record<string, readonly (readonly [value: unknown, param?: string])[]>>;

const BAD_SHARED: BadValues = {
  model: [[null], [''], [5], [[]]],
  stream: [['yes'], [1]],
  stream_options: [[true], [{ include_usage: 1 }, 'stream_options.include_usage']],
  max_tokens: [[0], [-1], [1.5], ['9'], [2 ** 60]],
  n: [[0], [17], [1.5], ['2']],
  temperature: [[-0.1], [2.1], ['1'], [[1]]],
  top_p: [[0], [1.1], ['1']],
  top_k: [[-2], [1.5], ['1']],
  min_p: [[-0.1], [1.1], ['1']],
  seed: [[1.5], ['1']],
  presence_penalty: [[-2.1], [2.1], ['1']],
  frequency_penalty: [[-2.1], [2.1], ['1']],
  repetition_penalty: [[0], [10.1], ['1']],
  logit_bias: [[5], [{ x: 1 }, 'logit_bias.x'], [{ 5: 101 }, 'logit_bias.5'], [{ 5: '1' }, 'logit_bias.5']],
  stop: [[5], [''], [['a', '']], [[5], 'stop.0'], [Array(17).fill('a')]],
  return_token_ids: [['yes'], [1]],
  response_format: [
    ['json'],
    [{}, 'response_format.type'],
    [{ type: 'xml' }, 'response_format.type'],
    [{ type: 'json_schema' }, 'response_format.json_schema'],
    [{ type: 'json_schema', json_schema: {} }, 'response_format.json_schema.name'],
    [{ type: 'json_schema', json_schema: { name: 'n' } }, 'response_format.json_schema.schema'],
    [format(true), 'response_format.json_schema.schema'],
    [format([]), 'response_format.json_schema.schema'],
    [format('{}'), 'response_format.json_schema.schema'],
    [format({}, 'a b'), 'response_format.json_schema.name'],
    [format({}, 'n'.repeat(65)), 'response_format.json_schema.name'],
    [format(deep(100)), 'response_format.json_schema.schema'],
    [
      { type: 'json_schema', json_schema: { name: 'n', schema: {}, strict: 'yes' } },
      'response_format.json_schema.strict',
    ],
  ],
};

const BAD_CHAT: BadValues = {
  ...BAD_SHARED,
  messages: [
    [null],
    [[]],
    ['hello'],
    [[null], 'messages.0'],
    [[{}], 'messages.0.role'],
    [[{ role: 'function', name: 'f', content: '1' }], 'messages.0.role'],
    [[{ role: 'user' }], 'messages.0.content'],
    [[{ role: 'user', content: null }], 'messages.0.content'],
    [[{ role: 'user', content: 'a', name: 5 }], 'messages.0.name'],
    [[{ role: 'user', content: [{ type: 'input_audio' }] }], 'messages.0.content.0.type'],
    [[{ role: 'tool', content: '1' }], 'messages.0.tool_call_id'],
    [[{ role: 'tool', tool_call_id: 'c', content: 5 }], 'messages.0.content'],
    [[{ role: 'assistant', content: 'a', reasoning_content: 5 }], 'messages.0.reasoning_content'],
    [[{ role: 'assistant', content: 'a', refusal: 5 }], 'messages.0.refusal'],
    [[{ role: 'assistant', audio: { id: 'a' } }], 'messages.0.audio'],
    [[{ role: 'assistant', function_call: { name: 'f' } }], 'messages.0.function_call'],
    [[{ role: 'assistant', tool_calls: {} }], 'messages.0.tool_calls'],
    [
      [{ role: 'assistant', tool_calls: [{ id: 'c', type: 'function' }] }],
      'messages.0.tool_calls.0.function',
    ],
    [
      [{ role: 'assistant', tool_calls: [{ ...tool('f', { arguments: {} }), id: 'c' }] }],
      'messages.0.tool_calls.0.function.arguments',
    ],
  ],
  max_completion_tokens: [[0], [-1], [1.5], ['9']],
  tools: [
    [{}],
    ['f'],
    [['f'], 'tools.0'],
    [[{}], 'tools.0.type'],
    [[{ type: 'custom', custom: {} }], 'tools.0.type'],
    [[{ type: 'function' }], 'tools.0.function'],
    [[tool(undefined)], 'tools.0.function.name'],
    [[tool('')], 'tools.0.function.name'],
    [[tool('a b')], 'tools.0.function.name'],
    [[tool('n'.repeat(65))], 'tools.0.function.name'],
    [[tool('f'), tool('g'), tool('f')], 'tools.2.function.name'],
    [[tool('f', { description: 5 })], 'tools.0.function.description'],
    [[tool('f', { parameters: [] })], 'tools.0.function.parameters'],
    [[tool('f', { parameters: deep(100) })], 'tools.0.function.parameters'],
    [[tool('f', { strict: 1 })], 'tools.0.function.strict'],
    [Array.from({ length: 129 }, (_, index) => tool(`f${String(index)}`))],
  ],
  tool_choice: [
    ['any'],
    [5],
    ['required'],
    [tool('f')],
    [{ type: 'function' }, 'tool_choice.function'],
    [{ type: 'allowed_tools', allowed_tools: {} }, 'tool_choice.type'],
    [tool('x'.repeat(100)), 'tool_choice.function.name'],
  ],
  parallel_tool_calls: [['yes'], [1]],
  logprobs: [[1], ['yes']],
  top_logprobs: [[-1], [21], [1.5], ['1'], [3]],
  reasoning_effort: [['much'], [1]],
  enable_thinking: [['no'], [0]],
  chat_template_kwargs: [[5], [[]], [deep(17)]],
};

const BAD_PLAIN: BadValues = {
  ...BAD_SHARED,
  prompt: [[null], [[]], [5], [[-1], 'prompt.0'], [[1.5], 'prompt.0'], [[[]], 'prompt.0'], [{ text: 'a' }]],
  best_of: [[0], [17], ['2'], [2]],
  echo: [['yes'], [1]],
  logprobs: [[true], [-1], [21], ['1']],
};

function allNull(shape: object): object {
  return Object.fromEntries(Object.keys(shape).map((key) => [key, null]));
}

function cases(bad: BadValues): [string, unknown, string][] {
  return Object.entries(bad).flatMap(([option, values]) =>
    values.map(([value, param = option]): [string, unknown, string] => [option, value, param]),
  );
}

describe('values that an option does not take', () => {
  test.each([
    ['chat', BAD_CHAT, chatRequestSchema],
    ['completions', BAD_PLAIN, completionRequestSchema],
  ])('the table names every option of %s', (_, bad, schema) => {
    expect(Object.keys(bad).toSorted()).toEqual(Object.keys(schema.shape).toSorted());
  });

  test.each(cases(BAD_CHAT))('chat: %s %j', async (option, value, param) => {
    expect(await ask(CHAT, { [option]: value })).toMatchObject({ status: 400, param });
  });

  test.each(cases(BAD_PLAIN))('completions: %s %j', async (option, value, param) => {
    expect(await ask(PLAIN, { [option]: value })).toMatchObject({ status: 400, param });
  });

  test.each<[Route, object, string]>([
    [CHAT, { tools: [tool('f')], tool_choice: tool('g') }, 'tool_choice'],
    [CHAT, { tools: [], tool_choice: 'required' }, 'tool_choice'],
    [CHAT, { logprobs: false, top_logprobs: 1 }, 'top_logprobs'],
    [PLAIN, { n: 2, best_of: 3 }, 'best_of'],
    [PLAIN, { echo: true, logprobs: 1 }, 'echo'],
    [PLAIN, { echo: true, prompt: [1, 2] }, 'echo'],
  ])('options that contradict one another: %s %j', async (route, fields, param) => {
    expect(await ask(route, fields)).toMatchObject({ status: 400, param });
  });
});

describe('options that are refused', () => {
  const lists = [
    [CHAT, UNSUPPORTED_CHAT_OPTIONS],
    [PLAIN, UNSUPPORTED_COMPLETION_OPTIONS],
  ] as const;
  const options = lists.flatMap(([route, list]) =>
    Object.entries(list).map(([option, passing]) => [route, option, passing] as const),
  );

  test.each(options)('%s: %s', async (route, option, passing) => {
    const refused = { status: 400, param: option, code: 'unsupported_parameter' };
    expect(await ask(route, { [option]: { some: 'wish' } })).toEqual(refused);
    for (const value of [null, ...passing]) {
      expect(await ask(route, { [option]: value })).toMatchObject({ status: 200 });
    }
  });

  test('each has a note, and none of them is honoured or ignored elsewhere in its route', () => {
    const names = new Set(options.map(([, option]) => option));
    expect(Object.keys(UNSUPPORTED_NOTES)).toEqual(expect.arrayContaining([...names]));
    for (const [, list] of lists) {
      expect(Object.keys(list).filter((option) => option in IGNORED_OPTIONS)).toEqual([]);
    }
    expect(
      Object.keys(chatRequestSchema.shape).filter((option) => option in UNSUPPORTED_CHAT_OPTIONS),
    ).toEqual([]);
    expect(
      Object.keys(completionRequestSchema.shape).filter((option) => option in UNSUPPORTED_COMPLETION_OPTIONS),
    ).toEqual([]);
  });
});

describe('options that are accepted', () => {
  test.each(['9223372036854775807', '18446744073709551615', '-9223372036854775808'])(
    'seed %s, of 64 bits',
    async (seed) => {
      const body = `{"model":"m","prompt":"a","seed":${seed},"n":2}`;
      expect((await agent.post(PLAIN, body)).status).toBe(200);
    },
  );

  test.each(Object.keys(IGNORED_OPTIONS))('%s is ignored', async (option) => {
    expect(await ask(CHAT, { [option]: { some: 'thing' } })).toMatchObject({ status: 200 });
    expect(await ask(PLAIN, { [option]: 'thing' })).toMatchObject({ status: 200 });
  });

  test('null is the same as leaving an option out', async () => {
    for (const [route, schema] of [
      [CHAT, chatRequestSchema],
      [PLAIN, completionRequestSchema],
    ] as const) {
      expect(await ask(route, { ...allNull(schema.shape), ...GOOD[route] })).toMatchObject({ status: 200 });
    }
  });
});
