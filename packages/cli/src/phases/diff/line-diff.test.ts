import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { lineDiff } from './line-diff.ts';

function shown(before: string, after: string): string {
  return lineDiff(before.split('\n'), after.split('\n'))
    .map(({ sign, text }) => `${sign ?? ' '} ${text}`)
    .join('\n');
}

function count(lines: readonly string[], wanted: string): number {
  return lines.filter((line) => line === wanted).length;
}

test('a changed line stands below those that it belongs to, and what stays is left out', () => {
  const before = 'version: 1\napi:\n  port: 1\n  limit:\n    burst: 3\nadmin:\n  port: 2';
  expect(shown(before, before.replace('burst: 3', 'burst: 4').replace('port: 2', 'port: 5'))).toBe(
    [
      '  api:',
      '    limit:',
      '-     burst: 3',
      '+     burst: 4',
      '  admin:',
      '-   port: 2',
      '+   port: 5',
    ].join('\n'),
  );
});

test('the same text differs in nothing, and one without lines in all of them', () => {
  expect(lineDiff(['a', 'b'], ['a', 'b'])).toEqual([]);
  expect(lineDiff([], ['a', '  b'])).toEqual([
    { sign: '+', text: 'a' },
    { sign: '+', text: '  b' },
  ]);
});

test('what is taken away is of the one text, what is put there of the other, and no line is both', () => {
  const text = fc.array(fc.constantFrom('a:', '  b: 1', '  b: 2', 'c: 3'), { maxLength: 8 });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const lines = lineDiff(before, after);
      const signed = (sign: string): string[] =>
        lines.filter((line) => line.sign === sign).map((line) => line.text);
      for (const line of new Set([...before, ...after])) {
        const gained = count(signed('+'), line) - count(signed('-'), line);
        expect(gained).toBe(count(after, line) - count(before, line));
      }
      expect(lines.some(({ sign }) => sign !== null)).toBe(before.join('\n') !== after.join('\n'));
    }),
  );
});
