import { expect, test } from 'vitest';
import { planSmokeTests } from './smoke-plan.ts';

const VECTORS = { id: 'a-vectors', present: true, task: 'embed', configured: true };
const AWAY = { id: 'away', present: false, task: null, configured: true };
const TEXT = { id: 'text', present: true, task: 'generate', configured: false };
const LARGE = { id: 'large', present: true, task: 'vision', configured: false };
const SEEING = { id: 'seeing', present: true, task: 'vision', configured: true };

test.each<[string, unknown[], string | null, [string, boolean][]]>([
  ['nothing of an empty host', [], null, []],
  ['nothing of one that only makes vectors', [VECTORS, AWAY], null, []],
  ['the first text model', [VECTORS, AWAY, LARGE, TEXT], null, [['text', false]]],
  [
    'a vision model of the configuration too',
    [LARGE, SEEING, TEXT],
    null,
    [
      ['text', false],
      ['seeing', true],
    ],
  ],
  ['a vision model alone', [LARGE, SEEING], null, [['seeing', true]]],
  ['one that lies on the disk, where there is nothing else', [VECTORS, LARGE], null, [['large', true]]],
  ['the named vision model alone', [LARGE, SEEING, TEXT], 'large', [['large', true]]],
  [
    'the named text model, and the vision model that counts',
    [SEEING, TEXT],
    'text',
    [
      ['text', false],
      ['seeing', true],
    ],
  ],
  ['the named model that is still to be fetched', [TEXT, AWAY], 'away', [['away', false]]],
])('asks %s', (_, models, named, expected) => {
  const tests = planSmokeTests(models, named);
  expect(tests.map(({ model, withImage }) => [model, withImage])).toEqual(expected);
  for (const { model, withImage, mayBeLeftOut } of tests) {
    expect(mayBeLeftOut).toBe(withImage && model !== named);
  }
});
