import { expect, test } from 'vitest';
import { painter } from './colours.ts';
import { logLine } from './log-line.ts';

const plain = painter(false);

test('the agent’s JSON becomes time, level, message and details', () => {
  const time = new Date(2026, 10, 23, 6, 47, 8).getTime();
  const line = { level: 40, time, pid: 1, hostname: 'x', name: 'agent', model: 'tiny', wait: 3, msg: 'slow' };
  expect(logLine(JSON.stringify(line), plain)).toBe('06:47:08 warn  slow model=tiny wait=3');
  const failed = { level: 50, time, msg: 'died', err: { message: 'no', stack: 'Error: no\n    at x' } };
  expect(logLine(JSON.stringify(failed), plain)).toBe('06:47:08 error died\nError: no\n    at x');
});

test.each(['plain text', '{not json', '{"other":1}', ''])('%j stays as it is', (line) => {
  expect(logLine(line, plain)).toBe(line);
});

test('escape sequences of a host do not pass', () => {
  expect(logLine('a\u001B[2Jb', plain)).toBe('ab');
  expect(logLine(JSON.stringify({ level: 30, time: 1, msg: '\u001B[2Jx' }), plain)).toMatch(/info {2}x$/);
});
