import { expect, test } from 'vitest';
import { planSmokeTests } from './smoke-plan.ts';

const VECTORS = { id: 'a-vectors', present: true, task: 'embed', configured: true };
const AWAY = { id: 'away', present: false, task: null, configured: true };
const TEXT = { id: 'text', present: true, task: 'generate', configured: true };
const LARGE = { id: 'large', present: true, task: 'vision', configured: false };
const SEEING = { id: 'seeing', present: true, task: 'vision', configured: true };
const unlisted = (id: string): object => ({ id, present: true, task: 'generate', configured: false });
const BROKEN = unlisted('broken');
const LOST = ['lost-1', 'lost-2', 'lost-3', 'lost-4'].map(unlisted);

test.each<[string, unknown[], string | null, [string, boolean, string][]]>([
  ['nothing of an empty host', [], null, []],
  ['nothing of one that only makes vectors', [VECTORS, AWAY], null, []],
  ['the text model that is listed', [VECTORS, AWAY, BROKEN, LARGE, TEXT], null, [['text', false, 'never']]],
  [
    'a vision model that is listed too',
    [BROKEN, LARGE, SEEING, TEXT],
    null,
    [
      ['text', false, 'never'],
      ['seeing', true, 'no-room'],
    ],
  ],
  [
    'the vision model alone where no text model is listed',
    [BROKEN, LARGE, SEEING],
    null,
    [['seeing', true, 'no-room']],
  ],
  ['the named vision model alone', [LARGE, SEEING, TEXT], 'large', [['large', true, 'never']]],
  ['a named model that is not listed', [BROKEN, TEXT], 'broken', [['broken', false, 'never']]],
  [
    'the named text model, and the vision model that is listed',
    [SEEING, TEXT],
    'text',
    [
      ['text', false, 'never'],
      ['seeing', true, 'no-room'],
    ],
  ],
  ['the named model that is still to be fetched', [TEXT, AWAY], 'away', [['away', false, 'never']]],
])('asks %s', (_, models, named, expected) => {
  const { all, oneOf } = planSmokeTests(models, named);
  expect(all.map(({ model, withImage, leftOut }) => [model, withImage, leftOut])).toEqual(expected);
  expect(oneOf).toEqual([]);
});

test.each<[string, unknown[], [string, boolean][]]>([
  [
    'text models first',
    [VECTORS, LARGE, BROKEN],
    [
      ['broken', false],
      ['large', true],
    ],
  ],
  [
    'no more than three',
    [LARGE, ...LOST],
    [
      ['lost-1', false],
      ['lost-2', false],
      ['lost-3', false],
    ],
  ],
])('where nothing that is listed can be asked, one of those on the disk: %s', (_, models, expected) => {
  const { all, oneOf } = planSmokeTests(models, null);
  expect(all).toEqual([]);
  expect(oneOf.map(({ model, withImage }) => [model, withImage])).toEqual(expected);
  expect(new Set(oneOf.map(({ leftOut }) => leftOut))).toEqual(new Set(['no-load']));
});
