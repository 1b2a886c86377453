import {
  adminLoadRequestSchema,
  chatRequestSchema,
  completionRequestSchema,
  responsesRequestSchema,
} from '@mlxfleet/protocol';
import { expect, test } from 'vitest';
import { ApiError } from '../api-error.ts';
import { parseBody } from './parse-body.ts';

const SCHEMAS = {
  chat: chatRequestSchema,
  completion: completionRequestSchema,
  load: adminLoadRequestSchema,
  response: responsesRequestSchema,
};
const LONG_NAME = 'n'.repeat(65);
const USER = { role: 'user', content: 'a' };
const CHAT = { model: 'm', messages: [USER] };
const PARTS = (part: object): object => ({ model: 'm', messages: [{ role: 'user', content: [part] }] });

function refusal(kind: keyof typeof SCHEMAS, body: unknown): ApiError {
  try {
    parseBody<unknown>(SCHEMAS[kind], body);
  } catch (error) {
    if (error instanceof ApiError) return error;
    throw error;
  }
  throw new Error('it was accepted');
}

test.each<[keyof typeof SCHEMAS, object, string, string, string]>([
  ['load', { model: 'x', z: 1, y: 2 }, 'z', 'INVALID_VALUE', 'there is no such field'],
  ['load', { model: '' }, 'model', 'INVALID_VALUE', 'must have at least 1 character'],
  ['load', { model: 5 }, 'model', 'INVALID_TYPE', 'expected string, received number'],
  ['chat', { model: 'm', messages: [] }, 'messages', 'INVALID_VALUE', 'must have at least 1 item'],
  [
    'chat',
    { model: 'm', messages: [{ role: 'king' }] },
    'messages.0.role',
    'INVALID_VALUE',
    'must be one of system, developer, user, assistant, tool',
  ],
  [
    'chat',
    PARTS({ type: 'audio' }),
    'messages.0.content.0.type',
    'INVALID_VALUE',
    'must be one of text, image_url, file',
  ],
  [
    'chat',
    PARTS({ type: 'image_url', image_url: { url: '', detail: 'x' } }),
    'messages.0.content.0.image_url.detail',
    'INVALID_VALUE',
    'must be one of auto, low, high, original',
  ],
  [
    'chat',
    {
      model: 'm',
      messages: [
        { role: 'assistant', tool_calls: [{ id: 'a', type: 'f', function: { name: 'a', arguments: '' } }] },
      ],
    },
    'messages.0.tool_calls.0.type',
    'INVALID_VALUE',
    'must be function',
  ],
  [
    'chat',
    { model: 'm', messages: [{ role: 'assistant', content: [{ type: 'image_url' }] }] },
    'messages.0.content.0.type',
    'INVALID_VALUE',
    'must be one of text, refusal; images and documents stand in messages of the user and in what tools give',
  ],
  ['chat', { ...CHAT, temperature: 3 }, 'temperature', 'INVALID_VALUE', 'must be at most 2'],
  ['chat', { ...CHAT, temperature: '1' }, 'temperature', 'INVALID_TYPE', 'expected number, received string'],
  ['chat', { ...CHAT, top_p: 0 }, 'top_p', 'INVALID_VALUE', 'must be above 0'],
  ['chat', { ...CHAT, n: 1.5 }, 'n', 'INVALID_TYPE', 'must be a whole number'],
  ['chat', { ...CHAT, stop: Array(20).fill('a') }, 'stop', 'INVALID_VALUE', 'must have at most 16 items'],
  ['chat', { ...CHAT, stop: 5 }, 'stop', 'INVALID_TYPE', 'expected string or array'],
  [
    'chat',
    { ...CHAT, logit_bias: { x: 1 } },
    'logit_bias.x',
    'INVALID_VALUE',
    'this name must be a whole number',
  ],
  ['completion', { model: 'm', prompt: [] }, 'prompt', 'INVALID_VALUE', 'must have at least 1 item'],
  ['completion', { model: 'm', prompt: 5 }, 'prompt', 'INVALID_TYPE', 'expected string or array'],
  ...[true, -1, 1.5, 21, '5'].map(
    (logprobs) =>
      [
        'completion',
        { model: 'm', prompt: 'a', logprobs },
        'logprobs',
        'INVALID_VALUE',
        'must be a whole number from 0 to 20, or false',
      ] as [keyof typeof SCHEMAS, object, string, string, string],
  ),
  ['chat', { ...CHAT, seed: 1.5 }, 'seed', 'INVALID_VALUE', 'must be a whole number'],
  [
    'response',
    { model: 'm', input: 'a', metadata: { [LONG_NAME]: 'a' } },
    `metadata.${LONG_NAME}`,
    'INVALID_VALUE',
    'this name must have at most 64 characters',
  ],
  [
    'chat',
    { ...CHAT, chat_template_kwargs: [] },
    'chat_template_kwargs',
    'INVALID_TYPE',
    'expected object, received array',
  ],
])('%s %j', (kind, body, param, code, text) => {
  const { message, param: named, definition } = refusal(kind, body);
  expect([named, definition.code, message]).toEqual([param, code, `'${param}': ${text}.`]);
});

test.each<[keyof typeof SCHEMAS, object, string]>([
  ['load', {}, 'model'],
  ['load', { model: null }, 'model'],
  ['chat', { ...CHAT, messages: null }, 'messages'],
  ['chat', { model: 'm', messages: [{ role: 'user', content: null }] }, 'messages.0.content'],
  ['chat', { model: 'm', messages: [{ role: null, content: 'a' }] }, 'messages.0.role'],
  ['completion', { model: 'm', prompt: null }, 'prompt'],
])('%s %j lacks %s', (kind, body, param) => {
  const { message, param: named, definition } = refusal(kind, body);
  expect([named, definition.code, message]).toEqual([
    param,
    'MISSING_REQUIRED_PARAMETER',
    `'${param}' is required.`,
  ]);
});

test('null in a list is no field that was left out', () => {
  expect(refusal('chat', { model: 'm', messages: [null] })).toMatchObject({
    param: 'messages.0',
    code: 'INVALID_TYPE',
  });
});
