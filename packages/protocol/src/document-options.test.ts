import { expect, test } from 'vitest';
import { pagesProblem, parsePageRanges } from './document-options.ts';

test.each([
  ['1', [[1, 1]]],
  [
    '1-3,5',
    [
      [1, 3],
      [5, 5],
    ],
  ],
  [
    ' 2 - 2 , 7',
    [
      [2, 2],
      [7, 7],
    ],
  ],
  ['999999', [[999_999, 999_999]]],
])('%j names pages', (text, ranges) => {
  expect(parsePageRanges(text)).toEqual(ranges);
});

test.each(['', ' ', '0', '3-1', '1-', '-2', '1,,2', '1..3', '1e3', '1000000', 'all', '1,'.repeat(200) + '1'])(
  '%j names none',
  (text) => {
    expect(parsePageRanges(text)).toBeNull();
  },
);

test.each([
  ['1-3,5', null],
  ['3-1', '3-1 runs backwards: write 1-3'],
  ['1,9 - 7', '9 - 7 runs backwards: write 7-9'],
  ['all', 'must name pages from 1, such as 1-3,5'],
  ['0-1', 'must name pages from 1, such as 1-3,5'],
])('of the pages %j is told %j', (text, problem) => {
  expect(pagesProblem(text)).toBe(problem);
});
