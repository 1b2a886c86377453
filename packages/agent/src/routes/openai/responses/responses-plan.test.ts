import { responsesRequestSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import type { GenerationPlan } from '../../../answering/generation-plan.ts';
import { ApiError } from '../../../api-error.ts';
import { responsesPlan } from './responses-plan.ts';

function plan(fields: object, earlier: object[] = []): GenerationPlan {
  const request = responsesRequestSchema.parse({ model: 'm', input: 'hello', ...fields });
  const { input } = request;
  const items = typeof input === 'string' ? [{ role: 'user' as const, content: input }] : input;
  const before = responsesRequestSchema.parse({ model: 'm', input: earlier }).input;
  return responsesPlan(
    { request, earlier: typeof before === 'string' ? [] : before, input: items },
    'normal',
  );
}

function conversation(input: object[], fields: object = {}, earlier: object[] = []): unknown {
  const [prompt] = plan({ input, ...fields }, earlier).prompts;
  return prompt?.kind === 'chat' ? prompt.messages : null;
}

const call = (id: string, name = 'f'): object => ({
  type: 'function_call',
  call_id: id,
  name,
  arguments: '{"a":1}',
});
const output = (id: string, text: unknown = 'done'): object => ({
  type: 'function_call_output',
  call_id: id,
  output: text,
});
const thought = (text: string): object => ({
  type: 'reasoning',
  id: 'rs',
  summary: [],
  content: [{ type: 'reasoning_text', text }],
});
const toolCall = (id: string, name = 'f'): object => ({
  id,
  type: 'function',
  function: { name, arguments: '{"a":1}' },
});

describe('the conversation for a chat template', () => {
  test.each<[string, object[], object[]]>([
    [
      'messages of all roles; a developer is the system',
      [
        { role: 'developer', content: 'be brief' },
        { role: 'user', content: 'a' },
        { type: 'message', role: 'assistant', content: 'b' },
        { role: 'user', content: 'c' },
      ],
      [
        { role: 'system', content: 'be brief' },
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'user', content: 'c' },
      ],
    ],
    [
      'parts are joined',
      [
        {
          role: 'user',
          content: [
            { type: 'input_text', text: 'a' },
            { type: 'input_text', text: 'b' },
          ],
        },
        {
          role: 'assistant',
          content: [
            { type: 'output_text', text: 'c', annotations: [] },
            { type: 'refusal', refusal: 'd' },
          ],
        },
      ],
      [
        { role: 'user', content: 'ab' },
        { role: 'assistant', content: 'cd' },
      ],
    ],
    [
      'what the user says twice stays two messages',
      [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
      [
        { role: 'user', content: 'a' },
        { role: 'user', content: 'b' },
      ],
    ],
    [
      'reasoning, text and calls of one answer are one message',
      [
        { role: 'user', content: 'a' },
        thought('hm'),
        { role: 'assistant', content: 'b' },
        call('1'),
        call('2', 'g'),
        output('2', 'two'),
        output('1', [
          { type: 'input_text', text: 'on' },
          { type: 'input_text', text: 'e' },
        ]),
        thought('so'),
        { role: 'assistant', content: 'c' },
      ],
      [
        { role: 'user', content: 'a' },
        {
          role: 'assistant',
          content: 'b',
          reasoning_content: 'hm',
          tool_calls: [toolCall('1'), toolCall('2', 'g')],
        },
        { role: 'tool', content: 'two', tool_call_id: '2', name: 'g' },
        { role: 'tool', content: 'one', tool_call_id: '1', name: 'f' },
        { role: 'assistant', content: 'c', reasoning_content: 'so' },
      ],
    ],
    [
      'reasoning after an answer begins the next one',
      [{ role: 'assistant', content: 'a' }, thought('hm'), call('1'), output('1')],
      [
        { role: 'assistant', content: 'a' },
        { role: 'assistant', content: '', reasoning_content: 'hm', tool_calls: [toolCall('1')] },
        { role: 'tool', content: 'done', tool_call_id: '1', name: 'f' },
      ],
    ],
    [
      'reasoning of other servers, which cannot be read, is left out',
      [
        { role: 'user', content: 'a' },
        { type: 'reasoning', id: 'rs', summary: [], encrypted_content: 'xyz' },
        { role: 'assistant', content: 'b' },
      ],
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
      ],
    ],
  ])('%s', (_, input, expected) => {
    expect(conversation(input)).toEqual(expected);
  });

  test('instructions come first, in one message with a system message that begins the input', () => {
    const input = [
      { role: 'system', content: 'two' },
      { role: 'user', content: 'a' },
    ];
    expect(conversation(input, { instructions: 'one' })).toEqual([
      { role: 'system', content: 'one\ntwo' },
      { role: 'user', content: 'a' },
    ]);
    expect(conversation([{ role: 'user', content: 'a' }], { instructions: '' })).toEqual([
      { role: 'user', content: 'a' },
    ]);
  });

  test('goes on from earlier responses: the output of a call that one of them made', () => {
    const earlier = [{ role: 'user', content: 'a' }, call('1')];
    expect(conversation([output('1')], { instructions: 'now' }, earlier)).toEqual([
      { role: 'system', content: 'now' },
      { role: 'user', content: 'a' },
      { role: 'assistant', content: '', tool_calls: [toolCall('1')] },
      { role: 'tool', content: 'done', tool_call_id: '1', name: 'f' },
    ]);
  });
});

test('a call of an earlier response that has no output is refused by its id', () => {
  const earlier = [{ role: 'user', content: 'a' }, call('1'), call('2')];
  const message = 'No tool output found for function call 2.';
  expect(() => conversation([output('1')], {}, earlier)).toThrow(
    expect.objectContaining({ param: 'input', status: 400, message }),
  );
});

test('the prompt names its field, for errors', () => {
  expect(plan({}).prompts).toMatchObject([{ param: 'input' }]);
});

const f = { type: 'function', name: 'f', parameters: { type: 'object' }, strict: true };
const g = { type: 'function', name: 'g', description: 'G' };
const F = { type: 'function', function: { name: 'f', parameters: { type: 'object' }, strict: true } };
const G = { type: 'function', function: { name: 'g', description: 'G' } };
const SCHEMA = { type: 'object', properties: { a: { type: 'integer' } } };

describe('the plan', () => {
  test.each<[object, object]>([
    [{}, { toolChoice: 'none', prompts: [{ tools: [] }] }],
    [{ tools: [] }, { toolChoice: 'none' }],
    [{ tools: [f, g] }, { toolChoice: 'auto', prompts: [{ tools: [F, G] }] }],
    [
      { tools: [f], tool_choice: 'none' },
      { toolChoice: 'none', prompts: [{ tools: [F] }] },
    ],
    [{ tools: [f], tool_choice: 'required' }, { toolChoice: 'required' }],
    [{ tools: [f, g], tool_choice: { type: 'function', name: 'g' } }, { toolChoice: { name: 'g' } }],
    [
      {
        tools: [f, g],
        tool_choice: { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'g' }] },
      },
      { toolChoice: 'required', prompts: [{ tools: [G] }] },
    ],
    [{ parallel_tool_calls: false }, { parallelToolCalls: false }],
    [{ text: { format: { type: 'text' } } }, { constraint: null }],
    [{ text: { format: { type: 'json_object' } } }, { constraint: { kind: 'json_object' } }],
    [
      { text: { format: { type: 'json_schema', name: 'n', schema: SCHEMA } } },
      { constraint: { kind: 'json_schema', schema: SCHEMA } },
    ],
    // An answer that has to be a call has no text.
    [
      { tools: [f], tool_choice: 'required', text: { format: { type: 'json_object' } } },
      { constraint: null },
    ],
    [{}, { logprobs: null }],
    [{ include: ['message.output_text.logprobs'] }, { logprobs: 0 }],
    [{ include: ['message.output_text.logprobs'], top_logprobs: 3 }, { logprobs: 3 }],
    [{ top_logprobs: 3 }, { logprobs: 3 }],
    [{ top_logprobs: 0, include: ['reasoning.encrypted_content'] }, { logprobs: null }],
    [{ max_output_tokens: 7 }, { maxTokens: 7 }],
    [{}, { maxTokens: null, choicesPerPrompt: 1, priority: 'normal' }],
    [
      { temperature: 0.5, top_p: 0.9, top_k: 5, seed: 3, stop: 'x' },
      { sampling: { temperature: 0.5, top_p: 0.9, top_k: 5, seed: 3 }, stop: ['x'] },
    ],
    [
      { reasoning: { effort: 'low', summary: 'auto' } },
      { prompts: [{ template_options: { reasoning_effort: 'low' } }] },
    ],
    [{ reasoning: { effort: 'none' } }, { prompts: [{ template_options: { reasoning_effort: 'none' } }] }],
    [{ chat_template_kwargs: { a: 1 } }, { prompts: [{ template_options: { a: 1 } }] }],
  ])('%j', (fields, expected) => {
    expect(plan(fields)).toMatchObject(expected);
  });
});

const deep: unknown = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`);

function shows(part: object, role = 'user'): object {
  return { role, content: [part] };
}

describe('what no plan can be made of', () => {
  test.each<[string, object]>([
    ['tool_choice', { tool_choice: 'required' }],
    ['tool_choice', { tools: [f], tool_choice: { type: 'function', name: 'h' } }],
    [
      'tool_choice',
      {
        tools: [f],
        tool_choice: { type: 'allowed_tools', mode: 'auto', tools: [{ type: 'function', name: 'h' }] },
      },
    ],
    ['tools.1.name', { tools: [f, f] }],
    ['tools.0.parameters', { tools: [{ ...f, parameters: deep }] }],
    ['text.format.schema', { text: { format: { type: 'json_schema', name: 'n', schema: deep } } }],
    ['chat_template_kwargs', { chat_template_kwargs: deep }],
    ['input.0.call_id', { input: [output('1')] }],
    ['input.0.call_id', { input: [output('1'), call('1')] }],
    ['input', { input: [call('1')] }],
    ['input', { input: [call('1'), call('2'), { role: 'user', content: 'a' }, output('2')] }],
    ['input', { input: [call('1'), output('1'), call('1')] }],
    ['input.0.content.0.image_url', { input: [shows({ type: 'input_image' })] }],
    ['input.0.content.0.file_id', { input: [shows({ type: 'input_image', file_id: 'f' })] }],
    ['input.0.content.0.file_id', { input: [shows({ type: 'input_file', file_id: 'f' })] }],
    ['input.0.content.0.file_url', { input: [shows({ type: 'input_file', file_url: 'https://a/b' })] }],
    ['input.0.content.0.file_data', { input: [shows({ type: 'input_file', filename: 'a.pdf' })] }],
    ['input.0.content.0', { input: [shows({ type: 'input_image', image_url: 'data:,' }, 'system')] }],
    ['input.0.content.0', { input: [shows({ type: 'input_image', image_url: 'data:,' }, 'assistant')] }],
    ['input.0.content.0', { input: [shows({ type: 'input_file', file_data: '' }, 'developer')] }],
    ['input.1.output.0.file_id', { input: [call('1'), output('1', [{ type: 'input_file', file_id: 'f' }])] }],
    ['stop', { stop: [''] }],
  ])('%s in %j', (param, fields) => {
    let error: unknown;
    try {
      plan(fields);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(ApiError);
    expect(error).toMatchObject({ param, status: 400 });
  });
});
