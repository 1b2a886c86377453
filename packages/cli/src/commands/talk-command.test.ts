import { expect, test } from 'vitest';
import { talkCommand } from './talk-command.ts';

test.each([
  ['hello', { kind: 'say', text: 'hello' }],
  ['  what does /image do?', { kind: 'say', text: '  what does /image do?' }],
  ['//help', { kind: 'say', text: '/help' }],
  ['  // a comment', { kind: 'say', text: '  / a comment' }],
  ['/image a.png', { kind: 'image', file: 'a.png', pages: null }],
  ['/drop', { kind: 'drop', file: null }],
  ["/drop 'my a.png'", { kind: 'drop', file: 'my a.png' }],
  ['/quit', { kind: 'quit' }],
  ['/exit', { kind: 'quit' }],
  ['/dropped', { kind: 'unknown', line: '/dropped' }],
  ['/images', { kind: 'images' }],
  [' /clear ', { kind: 'clear' }],
  ['/help', { kind: 'help' }],
  ['/imag a.png', { kind: 'unknown', line: '/imag a.png' }],
  ['/images are nice', { kind: 'unknown', line: '/images are nice' }],
  ['/', { kind: 'unknown', line: '/' }],
])('the line %j asks for %j', (line, command) => {
  expect(talkCommand(line)).toEqual(command);
});
