import { chatCompletionChunkSchema, type StepOutput } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { readEvents } from '../../../test-support/read-events.ts';
import { type ChatFormatOptions, chatFormat } from './chat-format.ts';

const OPTIONS: ChatFormatOptions = {
  id: 'chatcmpl-1',
  model: 'm',
  created: 1,
  choices: 2,
  includeUsage: false,
  returnTokenIds: false,
  logprobs: false,
};

/** The choice of each chunk that an output of the second choice becomes. */
function choices(output: Partial<StepOutput>, options: Partial<ChatFormatOptions> = {}): object[] {
  const events = chatFormat({ ...OPTIONS, ...options }).delta(1, {
    id: 'a',
    text: '',
    tokens: [],
    ...output,
  });
  return readEvents(events).map((event) => {
    const chunk = chatCompletionChunkSchema.strict().parse(JSON.parse(event));
    expect(chunk).toMatchObject({
      id: 'chatcmpl-1',
      model: 'm',
      choices: [{ index: 1, finish_reason: null }],
    });
    const [{ delta, logprobs, token_ids: ids } = { delta: {}, logprobs: null }] = chunk.choices;
    return Object.assign({}, delta, logprobs === null ? {} : { logprobs }, ids === undefined ? {} : { ids });
  });
}

const LOGPROB = { token: 'x', bytes: [120], logprob: -1, top_logprobs: [] };

describe('the chunks of one output', () => {
  test.each<[string, Partial<StepOutput>, object[]]>([
    ['no text yet', { tokens: [1] }, []],
    ['text', { text: 'a"\n\u{1F600}' }, [{ content: 'a"\n\u{1F600}' }]],
    ['reasoning', { reasoning: 'hm' }, [{ reasoning_content: 'hm' }]],
    [
      'the end of reasoning and the begin of text',
      { reasoning: 'm', text: 'a' },
      [{ reasoning_content: 'm', content: 'a' }],
    ],
    ['empty lists', { reasoning: '', tool_calls: [], logprobs: [] }, []],
    [
      'a whole call',
      { tool_calls: [{ index: 0, id: 'c', name: 'f', arguments: '{"a":1}' }] },
      [
        { tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] },
        { tool_calls: [{ index: 0, function: { arguments: '{"a":1}' } }] },
      ],
    ],
    [
      'the name of a call alone',
      { tool_calls: [{ index: 2, id: 'c', name: 'f', arguments: '' }] },
      [{ tool_calls: [{ index: 2, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }] }],
    ],
    [
      'text, the end of one call and the begin of the next',
      {
        text: 'a',
        tool_calls: [
          { index: 0, arguments: '}' },
          { index: 1, id: 'd', name: 'g', arguments: '' },
        ],
      },
      [
        { content: 'a' },
        { tool_calls: [{ index: 0, function: { arguments: '}' } }] },
        { tool_calls: [{ index: 1, id: 'd', type: 'function', function: { name: 'g', arguments: '' } }] },
      ],
    ],
    [
      'log-probabilities',
      { text: 'x', logprobs: [LOGPROB] },
      [{ content: 'x', logprobs: { content: [LOGPROB], refusal: null } }],
    ],
    [
      'those of half a character',
      { logprobs: [LOGPROB] },
      [{ content: '', logprobs: { content: [LOGPROB], refusal: null } }],
    ],
  ])('%s', (_, output, expected) => {
    expect(choices(output)).toEqual(expected);
  });

  test.each<[string, Partial<StepOutput>, object[]]>([
    ['no text yet', { tokens: [1] }, [{ content: '', ids: [1] }]],
    ['text', { text: 'a', tokens: [1, 2] }, [{ content: 'a', ids: [1, 2] }]],
    ['reasoning', { reasoning: 'hm', tokens: [3] }, [{ reasoning_content: 'hm', ids: [3] }]],
    [
      'a call, whose first chunk has them',
      { tool_calls: [{ index: 0, id: 'c', name: 'f', arguments: '{' }], tokens: [4] },
      [
        {
          tool_calls: [{ index: 0, id: 'c', type: 'function', function: { name: 'f', arguments: '' } }],
          ids: [4],
        },
        { tool_calls: [{ index: 0, function: { arguments: '{' } }] },
      ],
    ],
  ])('with token ids: %s', (_, output, expected) => {
    expect(choices(output, { returnTokenIds: true })).toEqual(expected);
  });
});

test('the last chunk of a choice tells the stop text', () => {
  const timings = { prefill_seconds: 0, decode_seconds: 0 };
  const finish = { reason: 'stop' as const, completion_tokens: 1, reasoning_tokens: 0, timings };
  const closing = (text: string | null): unknown => {
    const [event = ''] = readEvents(chatFormat(OPTIONS).closing(0, { ...finish, stop_text: text }, null));
    return chatCompletionChunkSchema.strict().parse(JSON.parse(event)).choices[0];
  };
  expect(closing('"end"')).toMatchObject({ delta: {}, finish_reason: 'stop', stop_reason: '"end"' });
  expect(closing(null)).not.toHaveProperty('stop_reason');
});
