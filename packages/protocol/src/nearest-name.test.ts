import { expect, test } from 'vitest';
import { nearestName } from './nearest-name.ts';

const KEYS = [
  'queue_depth',
  'max_batch_size',
  'idle_timeout_seconds',
  'api',
  'admin',
  'host',
  'hosts',
  'user',
  'port',
];

test.each([
  ['queu_depth', 'queue_depth'],
  ['queue-depth', 'queue_depth'],
  ['QUEUE_DEPTH', 'queue_depth'],
  ['quuee_depth', 'queue_depth'],
  ['idle_timeout', 'idle_timeout_seconds'],
  ['admn', 'admin'],
  ['hsot', 'host'],
  ['hostt', 'host'],
  ['usre', 'user'],
  ['prot', 'port'],
  ['PORT', 'port'],
])('%s was meant as %s', (word, name) => {
  expect(nearestName(word, KEYS)).toBe(name);
});

test.each(['', 'unrelated', 'xyz', 'zebra', 'x'.repeat(100_000)])('nothing is near %j', (word) => {
  expect(nearestName(word, KEYS)).toBeNull();
});

test('without names there is none', () => {
  expect(nearestName('host', new Set())).toBeNull();
});
