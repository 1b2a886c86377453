import { expect, test } from 'vitest';
import { LineSplitter, LONGEST_LINE } from './line-splitter.ts';

test('a line without an end is passed on in pieces, and what follows is whole again', () => {
  const lengths: number[] = [];
  const splitter = new LineSplitter((line) => lengths.push(line.length));
  const half = Buffer.from('x'.repeat(LONGEST_LINE / 2 + 1));
  splitter.write(half);
  expect(lengths).toEqual([]);
  splitter.write(half);
  expect(lengths).toEqual([LONGEST_LINE]);
  splitter.write(Buffer.from('\nnext\n'));
  splitter.write(Buffer.from(`${'y'.repeat(2 * LONGEST_LINE)}z\n`));
  splitter.end();
  expect(lengths).toEqual([LONGEST_LINE, 2, 4, LONGEST_LINE, LONGEST_LINE, 1]);
});
