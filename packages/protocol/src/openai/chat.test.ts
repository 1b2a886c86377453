import { describe, expect, test } from 'vitest';
import { chatRequestSchema } from './chat.ts';
import { completionRequestSchema } from './completions.ts';
import { IGNORED_OPTIONS } from './generation-options.ts';
import { UNSUPPORTED_CHAT_OPTIONS, UNSUPPORTED_COMPLETION_OPTIONS } from './unsupported-options.ts';

const request = { model: 'm', messages: [{ role: 'user', content: 'hello' }] };

function firstPath(value: unknown): string | undefined {
  return chatRequestSchema.safeParse(value).error?.issues[0]?.path.join('.');
}

describe('chat request', () => {
  test('accepts what Open WebUI and the OpenAI clients send', () => {
    const sent = {
      ...request,
      stream: true,
      stream_options: { include_usage: true },
      temperature: 0.7,
      max_tokens: null,
      stop: null,
      metadata: { chat_id: '1' },
      user: 'someone',
      session_id: 'unknown to us',
    };
    expect(chatRequestSchema.safeParse(sent).success).toBe(true);
  });

  test.each(Object.keys(IGNORED_OPTIONS))('%s is ignored, and neither honoured nor refused', (field) => {
    expect(Object.keys(chatRequestSchema.shape)).not.toContain(field);
    expect(Object.keys(completionRequestSchema.shape)).not.toContain(field);
    expect(Object.keys({ ...UNSUPPORTED_CHAT_OPTIONS, ...UNSUPPORTED_COMPLETION_OPTIONS })).not.toContain(
      field,
    );
  });

  test.each([
    ['messages', { model: 'm' }],
    ['messages', { ...request, messages: [] }],
    ['messages', { ...request, messages: 'hello' }],
    ['messages.0.role', { ...request, messages: [{ role: 'robot', content: 'x' }] }],
    ['messages.0.content', { ...request, messages: [{ role: 'user' }] }],
    ['messages.0.content', { ...request, messages: [{ role: 'user', content: 5 }] }],
    ['model', { ...request, model: '' }],
    ['max_tokens', { ...request, max_tokens: 0 }],
    ['max_tokens', { ...request, max_tokens: '12' }],
    ['max_completion_tokens', { ...request, max_completion_tokens: -1 }],
    ['temperature', { ...request, temperature: 3 }],
    ['temperature', { ...request, temperature: 'hot' }],
    ['top_p', { ...request, top_p: 0 }],
    ['n', { ...request, n: 0 }],
    ['stream', { ...request, stream: 'yes' }],
    ['stop', { ...request, stop: [1] }],
    ['logit_bias.word', { ...request, logit_bias: { word: 1 } }],
    ['logit_bias.5', { ...request, logit_bias: { 5: 101 } }],
  ])('names %s as the field at fault', (path, value) => {
    expect(firstPath(value)).toBe(path);
  });
});

describe('completion request', () => {
  test.each([['text'], [['a', 'b']], [[1, 2, 3]], [[[1], [2, 3]]]])('accepts the prompt %j', (prompt) => {
    expect(completionRequestSchema.safeParse({ model: 'm', prompt }).success).toBe(true);
  });

  test.each([[null], [[]], [[-1]], [[1.5]], [[['a']]], [{ text: 'a' }]])(
    'refuses the prompt %j',
    (prompt) => {
      expect(completionRequestSchema.safeParse({ model: 'm', prompt }).success).toBe(false);
    },
  );
});
