import { assert, json, property } from 'fast-check';
import { expect, test } from 'vitest';
import { cutFiles } from './cut-files.ts';

const FILE = `data:image/png;base64,${'iVBORw0K'.repeat(10_000)}`;

function parsed(text: string): { value: unknown; parsedBytes: number } {
  const cut = cutFiles(Buffer.from(text));
  return { value: cut.putBack(JSON.parse(cut.text)), parsedBytes: cut.text.length };
}

test.each<[string, unknown]>([
  ['in lists and objects', { a: [{ url: FILE }, FILE], b: { c: FILE }, d: 1, e: null, f: true }],
  ['beside texts of any script', { text: 'ü漢😀', url: FILE, more: 'ü' }],
  ['alone', FILE],
])('files %s are not parsed, and are there again', (_, value) => {
  const { value: whole, parsedBytes } = parsed(JSON.stringify(value));
  expect(whole).toEqual(value);
  expect(parsedBytes).toBeLessThan(1000);
});

test.each<[string, unknown]>([
  ['a text', 'some words '.repeat(10_000)],
  ['one with escapes', `${'a'.repeat(70_000)}\n`],
  ['one that is not ASCII', `${'a'.repeat(70_000)}ü`],
  ['a short one', 'a'.repeat(60_000)],
  ['the name of a field', { ['a'.repeat(70_000)]: 1 }],
])('%s stays where it is', (_, value) => {
  const text = JSON.stringify({ value, padding: ' '.repeat(70_000) });
  expect(parsed(text)).toEqual({ value: JSON.parse(text), parsedBytes: text.length });
});

test('a name with blanks before its colon stays too', () => {
  const text = `{"${'a'.repeat(70_000)}" \n: 1}`;
  expect(parsed(text)).toEqual({ value: JSON.parse(text), parsedBytes: text.length });
});

test('any JSON is parsed to what it is', () => {
  assert(
    property(json(), (text) => {
      const whole = `[${text}, "${FILE}", ${text}]`;
      expect(parsed(whole).value).toEqual(JSON.parse(whole));
    }),
  );
});

test.each([`{"a":"${FILE}`, `"${FILE}""`, `["${FILE}",]`])('what is broken stays broken', (text) => {
  expect(() => parsed(text)).toThrow(SyntaxError);
});
