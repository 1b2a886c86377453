import { assert, constantFrom, json, property } from 'fast-check';
import { expect, test } from 'vitest';
import { type JsonSize, jsonSize } from './json-size.ts';

const NO_LIMIT: JsonSize = { numbers: Infinity, others: Infinity, levels: Infinity };

function sizeOf(text: string, most = NO_LIMIT): JsonSize {
  return jsonSize(Buffer.from(text), most);
}

/** The same of a value that has been read. */
function sizeOfValue(value: unknown): JsonSize {
  if (typeof value === 'number') return { numbers: 1, others: 0, levels: 0 };
  if (typeof value !== 'object' || value === null) return { numbers: 0, others: 1, levels: 0 };
  const members = Object.values(value).map(sizeOfValue);
  return {
    numbers: members.reduce((sum, { numbers }) => sum + numbers, 0),
    others: members.reduce((sum, { others }) => sum + others, 1),
    levels: 1 + Math.max(0, ...members.map(({ levels }) => levels)),
  };
}

test('is that of the value, however it is written', () => {
  assert(
    property(json({ maxDepth: 6 }), constantFrom(0, 1, '\t'), (text, space) => {
      const value: unknown = JSON.parse(text);
      expect(sizeOf(JSON.stringify(value, null, space))).toEqual(sizeOfValue(value));
    }),
  );
});

test.each([
  [String.raw`"a\"[[[,\\"`, { numbers: 0, others: 1, levels: 0 }],
  [String.raw`["\\",1,"\\\"",{"a,b:[":-2.5e+3}]`, { numbers: 2, others: 4, levels: 2 }],
  ['[true, false , null]', { numbers: 0, others: 4, levels: 1 }],
  ['', { numbers: 0, others: 0, levels: 0 }],
])('%s', (text, size) => {
  expect(sizeOf(text)).toEqual(size);
});

test.each(['"without end', '"\\', ']]]]', '{"a":', ':::', '[1,,,2', '\u0000\u00ff'])(
  'what is no JSON has some size: %j',
  (text) => {
    expect(sizeOf(text).numbers).toBeLessThan(3);
  },
);

test('counting ends where there is more than the most', () => {
  const most: JsonSize = { numbers: 5, others: 4, levels: 3 };
  expect(sizeOf('['.repeat(1000), { ...NO_LIMIT, levels: 3 }).levels).toBe(4);
  expect(sizeOf(`[${'1,'.repeat(1000)}1]`, most).numbers).toBe(6);
  expect(sizeOf(`[${'"",'.repeat(1000)}""]`, most).others).toBe(5);
});

test.each([
  ['plain', 'a'],
  ['of quotes', String.raw`\"`],
  ['of backslashes', String.raw`\\`],
])('long strings %s end where they end', (_, unit) => {
  for (let more = 0; more < 3; more += 1) {
    const long = `${unit.repeat(5000)}${'a'.repeat(more)}${unit.repeat(10_000)}`;
    expect(sizeOf(`["${long}","${long}",1]`)).toEqual({ numbers: 1, others: 3, levels: 1 });
  }
});
