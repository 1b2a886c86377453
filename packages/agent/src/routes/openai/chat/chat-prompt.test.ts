import { chatRequestSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { ApiError } from '../../../api-error.ts';
import { chatPrompt } from './chat-prompt.ts';

function rendered(messages: readonly object[]): unknown {
  return chatPrompt(chatRequestSchema.parse({ model: 'm', messages })).prompt.messages;
}

const CALL = { id: 'c1', type: 'function', function: { name: 'weather', arguments: '{"city":"Oslo"}' } };

test.each<[string, object, object]>([
  ['a text', { role: 'user', content: 'a' }, { role: 'user', content: 'a' }],
  [
    'parts are joined',
    {
      role: 'user',
      content: [
        { type: 'text', text: 'a' },
        { type: 'text', text: 'b' },
      ],
    },
    { role: 'user', content: 'ab' },
  ],
  [
    'a developer speaks for the system',
    { role: 'developer', content: 'a' },
    { role: 'system', content: 'a' },
  ],
  ['a name', { role: 'user', content: 'a', name: 'Ann' }, { role: 'user', content: 'a', name: 'Ann' }],
  [
    'a refusal counts as content',
    { role: 'assistant', content: null, refusal: 'no' },
    { role: 'assistant', content: 'no' },
  ],
  [
    'a refusal as a part',
    { role: 'assistant', content: [{ type: 'refusal', refusal: 'no' }] },
    { role: 'assistant', content: 'no' },
  ],
  [
    'earlier reasoning',
    { role: 'assistant', content: 'a', reasoning_content: 'hm' },
    { role: 'assistant', content: 'a', reasoning_content: 'hm' },
  ],
  [
    'calls without content',
    { role: 'assistant', content: null, tool_calls: [CALL], audio: null, function_call: null },
    { role: 'assistant', content: '', tool_calls: [CALL] },
  ],
  ['no calls', { role: 'assistant', content: 'a', tool_calls: [] }, { role: 'assistant', content: 'a' }],
  [
    'fields of the client are left out',
    { role: 'user', content: 'a', id: 7 },
    { role: 'user', content: 'a' },
  ],
])('%s', (_, message, expected) => {
  expect(rendered([message])).toEqual([expected]);
});

test('a result has the name of the function that was called', () => {
  const messages = [
    { role: 'assistant', tool_calls: [CALL] },
    { role: 'tool', tool_call_id: 'c1', content: 'sun' },
    { role: 'tool', tool_call_id: 'c1', content: 'rain', name: 'other' },
  ];
  expect(rendered(messages)).toMatchObject([
    {},
    { role: 'tool', content: 'sun', name: 'weather' },
    { role: 'tool', content: 'rain', name: 'other' },
  ]);
});

const called = (...ids: string[]): object => ({
  role: 'assistant',
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: `f-${id}`, arguments: '{}' } })),
});
const result = (id: string): object => ({ role: 'tool', tool_call_id: id, content: '1' });

test('calls of several turns are answered in any order', () => {
  const ask = { role: 'user', content: 'a' };
  const messages = [
    ask,
    called('1', '2', '3'),
    result('3'),
    result('1'),
    result('2'),
    called('4'),
    result('4'),
  ];
  const names = [null, null, 'f-3', 'f-1', 'f-2', null, 'f-4', null, null, null, 'f-1'];
  expect(rendered([...messages, ask, called('1'), ask, result('1')])).toMatchObject(
    names.map((name) => (name === null ? {} : { role: 'tool', name })),
  );
});

test.each([
  ['there is none', 1, [called(), result('1')]],
  ['its id is another', 2, [called('1'), result('1'), result('2')]],
  ['it comes later', 0, [result('1'), called('1')]],
])('a result without its call is refused: %s', (_, index, messages) => {
  const param = `messages.${String(index)}.tool_call_id`;
  expect(() => rendered(messages)).toThrow(expect.objectContaining({ param, status: 400 }));
});

test.each([
  ['audio', { role: 'assistant', audio: { id: 'a' } }],
  ['function_call', { role: 'assistant', function_call: { name: 'f', arguments: '{}' } }],
])('%s of an assistant is refused', (field, message) => {
  const refused = (): unknown => rendered([{ role: 'user', content: 'a' }, message]);
  expect(refused).toThrow(ApiError);
  expect(refused).toThrow(`'messages.1.${field}' is not supported.`);
});
