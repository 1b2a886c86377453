import { describe, expect, test } from 'vitest';
import { parseReply } from './parse-reply.ts';

/** A step whose one token has a log-probability of this kind. */
function logprobsOf(fields: Readonly<Record<string, unknown>>): string {
  const likely = { token: 'x', bytes: [120], logprob: -0.5 };
  const logprobs = [{ ...likely, top_logprobs: [likely], ...fields }];
  return JSON.stringify({ type: 'step', outputs: [{ id: 'a', text: 'x', tokens: [1], logprobs }] });
}

describe('replies of a worker', () => {
  test('frames pass', () => {
    const step = { type: 'step', outputs: [{ id: 'a', text: 'x', tokens: [1] }] };
    expect(parseReply(JSON.stringify(step))).toEqual(step);
    const timings = { prefill_seconds: 0, decode_seconds: 0 };
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
    expect(parseReply(logprobsOf({}))).toEqual(JSON.parse(logprobsOf({})));
    const call = { index: 0, id: 'call_0', name: 'f', arguments: '{}' };
    const called = { type: 'step', outputs: [{ id: 'a', text: '', tokens: [1], tool_calls: [call] }] };
    expect(parseReply(JSON.stringify(called))).toEqual(called);
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
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":["1"]}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[1],"reasoning":5}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[1],"tool_calls":{}}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[1],"tool_calls":[null]}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[1],"tool_calls":[{"index":-1,"arguments":""}]}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[1],"logprobs":null}]}',
    '{"type":"step","outputs":[{"id":"a","text":"","tokens":[1],"logprobs":[{}]}]}',
    logprobsOf({ bytes: [256] }),
    logprobsOf({ top_logprobs: null }),
    logprobsOf({ top_logprobs: [{ token: 'y', bytes: [121], logprob: '-1' }] }),
    '{"type":"loaded"}',
    '{"type":"unheard of"}',
  ])('%s is refused', (line) => {
    expect(parseReply(line)).toBeNull();
  });
});
