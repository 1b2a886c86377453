import { expect, test } from 'vitest';
import { type ConfiguredModel, modelProblems } from './model-problems.ts';

const base = 'org/base';

test.each<[string, ConfiguredModel[]]>([
  ['plain models', [{ id: base }, { id: 'b' }]],
  ['an alias whose base is listed', [{ id: base }, { id: 'alias', base, adapter: 'lora' }]],
  ['an alias whose base is not listed', [{ id: 'alias', base, adapter: 'lora' }]],
  ['two aliases of one base', [1, 2].map((n) => ({ id: `a${String(n)}`, base, adapter: 'lora' }))],
  ['a draft model', [{ id: base, draft: 'small', draft_tokens: 3 }, { id: 'small' }]],
  ['prompt look-up', [{ id: base, prompt_lookup: true, draft_tokens: 8 }]],
])('nothing is wrong with %s', (_, models) => {
  expect(modelProblems(models)).toEqual([]);
});

test.each<[string, ConfiguredModel[], unknown]>([
  ['two of one id', [{ id: 'a' }, { id: 'a' }], { index: 1, key: 'id', message: /models\[0\]/ }],
  ['an adapter alone', [{ id: 'a', adapter: 'x' }], { index: 0, key: 'adapter', message: /"base"/ }],
  ['a base alone', [{ id: 'a', base }], { index: 0, key: 'base', message: /"adapter"/ }],
  [
    'an alias of an alias',
    [
      { id: 'a', base, adapter: 'x' },
      { id: 'b', base: 'a', adapter: 'x' },
    ],
    { index: 1, key: 'base', message: /alias itself.*org\/base/ },
  ],
  ['an alias of itself', [{ id: 'a', base: 'a', adapter: 'x' }], { key: 'base', message: /its own base/ }],
  [
    'a draft that is an alias',
    [
      { id: 'a', base, adapter: 'x' },
      { id: 'b', draft: 'a' },
    ],
    { index: 1, key: 'draft', message: /alias itself/ },
  ],
  ['a model that drafts for itself', [{ id: 'a', draft: 'a' }], { key: 'draft', message: /its own draft/ }],
  ['draft_tokens alone', [{ id: 'a', draft_tokens: 2 }], { key: 'draft_tokens', message: /no meaning/ }],
])('%s', (_, models, problem) => {
  expect(modelProblems(models)).toMatchObject([problem]);
});
