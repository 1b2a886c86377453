import { chatRequestSchema } from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { ApiError } from '../../../api-error.ts';
import { chatPrompt } from './chat-prompt.ts';

function rendered(messages: readonly object[]): unknown {
  const prompt = chatPrompt(chatRequestSchema.parse({ model: 'm', messages }));
  return prompt.kind === 'chat' ? prompt.messages : null;
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
    'a result whose call is not there',
    { role: 'tool', tool_call_id: 'c9', content: [{ type: 'text', text: '1' }] },
    { role: 'tool', tool_call_id: 'c9', content: '1' },
  ],
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

test.each([
  ['audio', { role: 'assistant', audio: { id: 'a' } }],
  ['function_call', { role: 'assistant', function_call: { name: 'f', arguments: '{}' } }],
])('%s of an assistant is refused', (field, message) => {
  const refused = (): unknown => rendered([{ role: 'user', content: 'a' }, message]);
  expect(refused).toThrow(ApiError);
  expect(refused).toThrow(`'messages.1.${field}' is not supported.`);
});
