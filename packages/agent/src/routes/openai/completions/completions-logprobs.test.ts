import { expect, test } from 'vitest';
import { legacyLogprobs } from './completions-logprobs.ts';

function entry(token: string, bytes: number[], others: [string, number][] = []) {
  return {
    token,
    bytes,
    logprob: -1,
    top_logprobs: others.map(([text, logprob]) => ({ token: text, bytes: [...Buffer.from(text)], logprob })),
  };
}

const [first = 0, second = 0, third = 0, fourth = 0] = Buffer.from('😀');
const TEXT = [
  entry('Å ', [...Buffer.from('Å ')], [['Å ', -1]]),
  entry('\uFFFD', [first, second], [['x', -0.5]]),
  entry('\uFFFD', [third, fourth]),
  entry('end', [...Buffer.from('end')]),
];

test('offsets count characters, and a character that is spread over tokens when it is complete', () => {
  const { tokens, text_offset: offsets, top_logprobs: top } = legacyLogprobs(1)(TEXT);
  expect(offsets).toEqual([0, 2, 2, 3]);
  expect(tokens).toEqual(['Å ', String.raw`bytes:\xf0\x9f`, String.raw`bytes:\x98\x80`, 'end']);
  expect(top).toEqual([
    { 'Å ': -1 },
    { x: -0.5, [String.raw`bytes:\xf0\x9f`]: -1 },
    { [String.raw`bytes:\x98\x80`]: -1 },
    { end: -1 },
  ]);
});

test('step by step they are what they are at once', () => {
  const stepwise = legacyLogprobs(1);
  const steps = TEXT.map((each) => stepwise([each]));
  expect(steps.flatMap(({ text_offset: offset }) => offset)).toEqual([0, 2, 2, 3]);
});

test('without alternatives there is no list of them', () => {
  expect(legacyLogprobs(0)(TEXT).top_logprobs).toBeNull();
});

test('a replacement character that the model really wrote keeps its name', () => {
  expect(legacyLogprobs(0)([entry('\uFFFD', [...Buffer.from('\uFFFD')])]).tokens).toEqual(['\uFFFD']);
});
