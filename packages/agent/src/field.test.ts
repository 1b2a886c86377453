import { expect, test } from 'vitest';
import { field } from './field.ts';

test.each<[unknown, unknown]>([
  [{ a: 1 }, 1],
  [{ a: null }, null],
  [JSON.parse('{"a":"last","a":"of two"}'), 'of two'],
  [{ b: 1 }, undefined],
  [[1], undefined],
  ['a', undefined],
  [5, undefined],
  [null, undefined],
  [undefined, undefined],
])('the field a of %j', (value, expected) => {
  expect(field(value, 'a')).toBe(expected);
});

test('what objects inherit is no field of theirs', () => {
  for (const name of ['constructor', '__proto__', 'toString']) {
    expect(field({}, name)).toBeUndefined();
    expect(field([], name)).toBeUndefined();
  }
});
