import { describe, expect, test } from 'vitest';
import { samplingSchema } from './generate.ts';
import { workerReplySchema } from './replies.ts';
import { workerRequestSchema } from './requests.ts';

describe('worker frames', () => {
  test('a request carries its defaults', () => {
    const frame = workerRequestSchema.parse({
      type: 'generate',
      id: 'a',
      prompt: { kind: 'text', text: 'x' },
      max_tokens: null,
      sampling: {},
      stop: [],
    });
    expect(frame).toMatchObject({ sampling: { temperature: 1, top_p: 1, top_k: 0, seed: null } });
  });

  test.each([
    [{ type: 'generate', id: 'a' }],
    [{ type: 'load', path: 1 }],
    [{ type: 'unheard-of' }],
    [{ type: 'ping', nonce: 1.5 }],
  ])('refuses %j', (frame) => {
    expect(workerRequestSchema.safeParse(frame).success).toBe(false);
  });

  test('one reply carries several requests, each with or without its end', () => {
    const finish = {
      reason: 'stop',
      stop_text: null,
      completion_tokens: 2,
      reasoning_tokens: 0,
      timings: { prefill_seconds: 0.1, decode_seconds: 0.2 },
    };
    const frame = {
      type: 'step',
      outputs: [
        { id: 'a', text: 'x', tokens: [5] },
        { id: 'b', text: '', tokens: [2], finish },
      ],
    };
    expect(workerReplySchema.parse(frame)).toEqual(frame);
  });

  test('a temperature out of range is refused', () => {
    expect(samplingSchema.safeParse({ temperature: -1 }).success).toBe(false);
  });
});
