import { messagesRequestSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import type { GenerationPlan } from '../../answering/generation-plan.ts';
import { ApiError } from '../../api-error.ts';
import { messagesPlan } from './messages-plan.ts';

function plan(fields: object): GenerationPlan {
  const messages = [{ role: 'user', content: 'hello' }];
  return messagesPlan(messagesRequestSchema.parse({ model: 'm', max_tokens: 9, messages, ...fields }), 'low');
}

function conversation(given: object[], fields: object = {}): unknown {
  const [prompt] = plan({ messages: given, ...fields }).prompts;
  return prompt?.kind === 'chat' ? prompt.messages : null;
}

const text = (words: string): object => ({ type: 'text', text: words, cache_control: { type: 'ephemeral' } });
const use = (id: string, name = 'f'): object => ({ type: 'tool_use', id, name, input: { a: 1 } });
const result = (id: string, more: object = {}): object => ({ type: 'tool_result', tool_use_id: id, ...more });
const toolCall = (id: string, name = 'f'): object => ({
  id,
  type: 'function',
  function: { name, arguments: '{"a":1}' },
});
const user = (...content: object[]): object => ({ role: 'user', content });
const assistant = (...content: object[]): object => ({ role: 'assistant', content });

describe('the conversation for a chat template', () => {
  test.each<[string, object[], object[]]>([
    [
      'texts',
      [{ role: 'user', content: 'a' }, { role: 'assistant', content: 'b' }, user(text('c'))],
      [
        { role: 'user', content: 'a' },
        { role: 'assistant', content: 'b' },
        { role: 'user', content: 'c' },
      ],
    ],
    [
      'what one side says in a row is one message',
      [
        user(text('a'), text('b')),
        user(text('c')),
        assistant(text('d')),
        assistant(text('e')),
        user(text('f')),
      ],
      [
        { role: 'user', content: 'a\nb\nc' },
        { role: 'assistant', content: 'd\ne' },
        { role: 'user', content: 'f' },
      ],
    ],
    [
      'thinking, text and tools, with their results in front of what is said next',
      [
        user(text('a')),
        assistant(
          { type: 'thinking', thinking: 'hm', signature: 'x' },
          { type: 'redacted_thinking', data: 'xyz' },
          text('b'),
          use('1'),
          use('2', 'g'),
        ),
        user(
          result('1', { content: 'one' }),
          result('2', { content: [text('t'), text('wo')], is_error: true }),
          text('c'),
        ),
      ],
      [
        { role: 'user', content: 'a' },
        {
          role: 'assistant',
          content: 'b',
          reasoning_content: 'hm',
          tool_calls: [toolCall('1'), toolCall('2', 'g')],
        },
        { role: 'tool', content: 'one', tool_call_id: '1', name: 'f' },
        { role: 'tool', content: 'Error: t\nwo', tool_call_id: '2', name: 'g' },
        { role: 'user', content: 'c' },
      ],
    ],
    [
      'a result without content, and an error that says so itself',
      [
        assistant(use('1'), use('2')),
        user(result('1'), result('2', { content: 'Error: not found', is_error: true })),
      ],
      [
        { role: 'assistant', content: '', tool_calls: [toolCall('1'), toolCall('2')] },
        { role: 'tool', content: '', tool_call_id: '1', name: 'f' },
        { role: 'tool', content: 'Error: not found', tool_call_id: '2', name: 'f' },
      ],
    ],
    [
      'a system message within',
      [
        { role: 'user', content: 'a' },
        { role: 'system', content: [text('s')] },
        { role: 'user', content: 'b' },
      ],
      [
        { role: 'user', content: 'a' },
        { role: 'system', content: 's' },
        { role: 'user', content: 'b' },
      ],
    ],
  ])('%s', (_, given, expected) => {
    expect(conversation(given)).toEqual(expected);
  });

  test.each([['be brief'], [[text('be'), text('brief')]]])('the system message %j', (system) => {
    const content = typeof system === 'string' ? 'be brief' : 'be\nbrief';
    expect(conversation([user(text('a'))], { system })).toEqual([
      { role: 'system', content },
      { role: 'user', content: 'a' },
    ]);
  });
});

const f = { name: 'f', input_schema: { type: 'object' }, description: 'F', strict: true };
const F = {
  type: 'function',
  function: { name: 'f', description: 'F', parameters: { type: 'object' }, strict: true },
};
const thinking = (options: object): object => ({ prompts: [{ template_options: options }] });
const SCHEMA = { type: 'object', properties: { a: { type: 'integer' } } };

describe('the plan', () => {
  test.each<[object, object]>([
    [{}, { model: 'm', maxTokens: 9, toolChoice: 'none', parallelToolCalls: true, logprobs: null }],
    [{}, { priority: 'low', choicesPerPrompt: 1, constraint: null }],
    [{ tools: [{ ...f, type: 'custom' }] }, { toolChoice: 'auto', prompts: [{ tools: [F] }] }],
    [
      { tools: [f], tool_choice: { type: 'auto' } },
      { toolChoice: 'auto', parallelToolCalls: true },
    ],
    [{ tools: [f], tool_choice: { type: 'any' } }, { toolChoice: 'required' }],
    [{ tools: [f], tool_choice: { type: 'tool', name: 'f' } }, { toolChoice: { name: 'f' } }],
    [
      { tools: [f], tool_choice: { type: 'none' } },
      { toolChoice: 'none', prompts: [{ tools: [F] }] },
    ],
    [
      { tools: [f], tool_choice: { type: 'any', disable_parallel_tool_use: true } },
      { toolChoice: 'required', parallelToolCalls: false },
    ],
    [{}, thinking({ enable_thinking: 'when_needed' })],
    [{ thinking: { type: 'disabled' } }, thinking({ enable_thinking: 'when_needed' })],
    [{ thinking: { type: 'adaptive' } }, thinking({ enable_thinking: true })],
    [
      { thinking: { type: 'enabled', budget_tokens: 2000 } },
      thinking({ enable_thinking: true, thinking_budget: 2000 }),
    ],
    [{ output_config: { effort: 'high' } }, thinking({ reasoning_effort: 'high' })],
    [{ chat_template_kwargs: { enable_thinking: 'maybe' } }, thinking({ enable_thinking: 'maybe' })],
    [
      { output_config: { format: { type: 'json_schema', schema: SCHEMA } } },
      { constraint: { kind: 'json_schema', schema: SCHEMA } },
    ],
    [
      {
        tools: [f],
        tool_choice: { type: 'any' },
        output_config: { format: { type: 'json_schema', schema: SCHEMA } },
      },
      { constraint: null },
    ],
    [{ stop_sequences: ['x', 'y'] }, { stop: ['x', 'y'] }],
    [
      { temperature: 0, top_p: 0.5, top_k: 4 },
      { sampling: { temperature: 0, top_p: 0.5, top_k: 4, seed: null } },
    ],
    [{ metadata: { user_id: 'u' }, service_tier: 'auto', unheard_of: 1 }, { model: 'm' }],
  ])('%j', (fields, expected) => {
    expect(plan(fields)).toMatchObject(expected);
  });
});

const deep: unknown = JSON.parse(`${'{"a":'.repeat(100)}1${'}'.repeat(100)}`);

function image(source: object): object {
  return { type: 'image', source };
}

describe('what no plan can be made of', () => {
  test.each<[string, object]>([
    ['messages.0.content.0.tool_use_id', { messages: [user(result('1'))] }],
    ['messages.0.content.1.source', { messages: [user(text('a'), image({ type: 'file', file_id: 'f' }))] }],
    [
      'messages.1.content.0.content.0.source',
      { messages: [assistant(use('1')), user(result('1', { content: [image({ type: 'file' })] }))] },
    ],
    [
      'messages.0.content.0.source',
      { messages: [user({ type: 'document', source: { type: 'url', url: 'https://a/b.pdf' } })] },
    ],
    [
      'messages.0.content.0.source',
      { messages: [user({ type: 'document', source: { type: 'content', content: [] } })] },
    ],
    [
      'messages.0.content.0.citations',
      {
        messages: [
          user({ type: 'document', source: { type: 'text', data: 'a' }, citations: { enabled: true } }),
        ],
      },
    ],
    ['messages.1.role', { messages: [user(text('a')), assistant(text('b'))] }],
    ['tool_choice', { tool_choice: { type: 'any' } }],
    ['tool_choice', { tools: [f], tool_choice: { type: 'tool', name: 'g' } }],
    ['tools.1.name', { tools: [f, f] }],
    ['tools.0.input_schema', { tools: [{ ...f, input_schema: deep }] }],
    ['output_config.format.schema', { output_config: { format: { type: 'json_schema', schema: deep } } }],
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
