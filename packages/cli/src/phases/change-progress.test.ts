import { expect, test } from 'vitest';
import { RecordingObserver } from '../actions/testing/stand-ins.ts';
import { ChangeProgress } from './change-progress.ts';

const READY = { gate: { event: 'ready' } };
const FIGURES = { first_token_seconds: 0.184, tokens_per_second: 210.6 };

test.each<[string, object[], string]>([
  ['no agent that said anything', [], ''],
  ['a ready agent', [READY], 'ready; no model to ask'],
  [
    'a model',
    [READY, { gate: { event: 'completion', model: 'org/text', ...FIGURES } }],
    'text: first token 0.18 s, 211 tok/s',
  ],
  [
    'a model beside one that was shown an image',
    [
      READY,
      { gate: { event: 'completion', model: 'org/text', ...FIGURES } },
      { gate: { event: 'completion', model: 'seeing', image_tokens: 25, ...FIGURES } },
    ],
    'text: first token 0.18 s, 211 tok/s; seeing: an image in 25 tokens, first token 0.18 s, 211 tok/s',
  ],
  [
    'a model that the host cannot load',
    [READY, { gate: { event: 'left-out', model: 'org/seeing', message: 'It needs about 9 GB.' } }],
    'seeing not asked: It needs about 9 GB.',
  ],
])('the gate tells of %s', (_, messages, detail) => {
  const observer = new RecordingObserver();
  const progress = new ChangeProgress('air', observer);
  for (const message of [{ step: 'gate', state: 'begin' }, ...messages]) progress.take({ ...message });
  progress.end();
  expect(observer.lines.at(-1)).toBe(`air healthy done ${detail}`.trimEnd());
});
