import { expect, test } from 'vitest';
import { formatTally, judgeRunner, sumTallies } from './tally.ts';

const green = { passed: 3, failures: [], skips: [] };

test('the last line counts skips only when there are any', () => {
  expect(formatTally(green)).toBe('3 passed, 0 failed');
  const mixed = { passed: 1, failures: ['a'], skips: [{ test: 'b', reason: 'no root' }] };
  expect(formatTally(sumTallies([green, mixed]))).toBe('4 passed, 1 failed, 1 skipped');
});

test('a runner without results is a failure, whatever its exit code', () => {
  expect(judgeRunner('unit', 0, null).failures).toHaveLength(1);
  expect(judgeRunner('unit', 139, null).failures[0]).toContain('139');
});

test('a runner that fails without a failed test is a failure', () => {
  expect(formatTally(judgeRunner('e2e', 1, green))).toBe('3 passed, 1 failed');
});

test('a runner that ran nothing is a failure', () => {
  expect(formatTally(judgeRunner('e2e', 0, { passed: 0, failures: [], skips: [] }))).toBe(
    '0 passed, 1 failed',
  );
});

test('a green runner stays as it is', () => {
  expect(judgeRunner('unit', 0, green)).toEqual(green);
});
