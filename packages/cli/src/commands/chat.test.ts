import { expect, test } from 'vitest';
import { parseInventory } from '../config/parse-inventory.ts';
import { resolveHosts } from '../config/resolve-hosts.ts';
import { chooseModel, splitWords } from './chat.ts';
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
  expect(split.prompt).toBe(prompt);
});

test('the model is the one named, or the first listed for the host, or there is none', () => {
  const [air, mini] = hosts;
  if (air === undefined || mini === undefined) throw new Error('two hosts are expected');
  expect(chooseModel('named', null, air)).toBe('named');
  expect(chooseModel(undefined, null, air)).toBe('listed');
  expect(() => chooseModel(undefined, null, mini)).toThrow(
    expect.objectContaining({ code: 'NOTHING_TO_CHAT_WITH' }),
  );
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
