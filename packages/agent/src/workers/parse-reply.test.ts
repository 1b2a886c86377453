import { describe, expect, test } from 'vitest';
import { parseReply } from './parse-reply.ts';

describe('replies of a worker', () => {
  test('frames pass', () => {
    const step = { type: 'step', outputs: [{ id: 'a', text: 'x', tokens: [1] }] };
    expect(parseReply(JSON.stringify(step))).toEqual(step);
    const timings = { queue_seconds: 0, prefill_seconds: 0, decode_seconds: 0 };
    const last = {
      type: 'step',
      outputs: [
        {
          id: 'a',
          text: '',
          tokens: [],
          finish: { reason: 'stop', stop_text: null, completion_tokens: 1, reasoning_tokens: 0, timings },
        },
      ],
    };
    expect(parseReply(JSON.stringify(last))).toEqual(last);
    expect(parseReply('{"type":"load_failed","message":"no"}')).toMatchObject({ type: 'load_failed' });
  });

  test.each([
    'no json',
    'null',
    '[]',
    '{"type":"step"}',
    '{"type":"step","outputs":[1]}',
    '{"type":"step","outputs":[{"id":"a","text":5,"tokens":[]}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[],"finish":{"reason":"whim"}}]}',
    '{"type":"loaded"}',
    '{"type":"unheard of"}',
  ])('%s is refused', (line) => {
    expect(parseReply(line)).toBeNull();
  });
});
