import { expect, test } from 'vitest';
import { inventorySchema } from './inventory.ts';
import { keysAt } from './schema-keys.ts';

test.each([
  [[], 'rollout'],
  [['hosts', 'air'], 'address'],
  [['hosts', 'air', 'api'], 'bind'],
  [['models', 0], 'preload'],
  [['hosts', 'air', 'api', 'keys', 1], 'command'],
  [['hooks', 'post-deploy', 0], 'run'],
])('the object at %j knows %s', (path, key) => {
  expect(keysAt(inventorySchema, path)).toContain(key);
});

test.each([[['hosts']], [['hosts', 'air', 'env']], [['version']], [['nothing', 'here']]])(
  'there are no known keys at %j',
  (path) => {
    expect(keysAt(inventorySchema, path)).toEqual([]);
  },
);
