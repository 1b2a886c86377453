import { expect, test } from 'vitest';
import { parseInventory } from '../config/parse-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import { splitWords } from './chat.ts';
import { chosenNumbers } from './init.ts';

const hosts = resolveHosts(
  parseInventory(
    'i',
    'version: 1\nhosts: {air: {labels: [small]}, mini: {labels: [small]}}\nmodels: [{id: listed, hosts: [air]}]',
  ),
);

test.each([
  [['air', 'what', 'is', 'it?'], ['air'], 'what is it?'],
  [['small', 'hello'], ['air', 'mini'], 'hello'],
  [['air is blue'], ['air', 'mini'], 'air is blue'],
  [['mini'], ['mini'], ''],
  [[], ['air', 'mini'], ''],
])('the words %j', (words, names, prompt) => {
  const split = splitWords(words, hosts);
  expect(split.hosts.map(({ name }) => name)).toEqual(names);
  expect(split.words.join(' ')).toBe(prompt);
});

test.each([
  ['', []],
  ['all', [1, 2, 3]],
  ['1 3', [1, 3]],
  ['2,2', [2]],
  ['4', null],
  ['x', null],
])('the answer %j chooses %j', (answer, numbers) => {
  expect(chosenNumbers(answer, 3)).toEqual(numbers);
});
