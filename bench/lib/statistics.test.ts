import { expect, test } from 'vitest';
import { median, quantile } from './statistics.ts';

test('interpolates between samples', () => {
  expect(quantile([4, 1, 3, 2], 0.5)).toBe(2.5);
  expect(quantile([10, 20], 0.99)).toBeCloseTo(19.9);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});
