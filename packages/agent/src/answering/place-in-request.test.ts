import { expect, test } from 'vitest';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { placed } from './place-in-request.ts';

const QUOTE = '<|image_pad|>';
const error = new ApiError(API_ERRORS.INVALID_VALUE, `A text holds '${QUOTE}'.`, {
  param: 'messages',
  quote: QUOTE,
});
const said = (content: unknown): object => ({ role: 'user', content });
const bad = `Write ${QUOTE}.`;

test.each<[string, unknown]>([
  ['messages.1.content', { messages: [said('a'), said(bad)] }],
  ['messages.0.content.1.text', { messages: [said([{ type: 'image_url' }, { type: 'text', text: bad }])] }],
  [
    'tools.0.function.description',
    { messages: [said('a')], tools: [{ function: { name: 'f', description: bad } }] },
  ],
  ['tools.0.input_schema', { messages: [], tools: [{ input_schema: { [QUOTE]: {} } }] }],
  ['system', { system: bad, messages: [said('a')] }],
  ['instructions', { instructions: bad, input: 'a' }],
  ['input', { input: bad }],
  ['input.0.output', { input: [{ type: 'function_call_output', output: bad }] }],
])('%s holds it', (param, body) => {
  expect(placed(error, body)).toMatchObject({
    param,
    message: `'${param}': a text holds '${QUOTE}'.`,
  });
});

test.each([{ messages: [said('a')], metadata: { a: bad } }, null, 'text'])(
  'what holds it nowhere, %j, leaves the error as it is',
  (body) => {
    expect(placed(error, body)).toBe(error);
  },
);

test('another error stays as it is', () => {
  const other = new ApiError(API_ERRORS.INVALID_VALUE, 'No.');
  expect(placed(other, { messages: [said(bad)] })).toBe(other);
});
