import { expect, test } from 'vitest';
import { joinContents, leadingText, type MessageContent } from './message-content.ts';

const IMAGE = { type: 'media', media: 0 } as const;

function text(content: string): { type: 'text'; text: string } {
  return { type: 'text', text: content };
}

test.each<[MessageContent, MessageContent, MessageContent]>([
  ['a', 'b', 'a-b'],
  ['a', [IMAGE], [text('a'), IMAGE]],
  [[IMAGE], 'a', [IMAGE, text('a')]],
  [[IMAGE, text('a')], 'b', [IMAGE, text('a-b')]],
  ['a', [text('b'), IMAGE], [text('a-b'), IMAGE]],
  [[IMAGE], [IMAGE], [IMAGE, IMAGE]],
  [
    [text('a'), IMAGE, text('b')],
    [text('c'), IMAGE, text('d')],
    [text('a'), IMAGE, text('b-c'), IMAGE, text('d')],
  ],
])('%j and %j', (first, second, joined) => {
  expect(joinContents(first, second, '-')).toEqual(joined);
});

test.each<[MessageContent, string]>([
  ['a', 'a'],
  [[text('a'), IMAGE], 'a'],
  [[IMAGE, text('a')], ''],
  [[], ''],
])('%j begins with %j', (content, begins) => {
  expect(leadingText(content)).toBe(begins);
});
