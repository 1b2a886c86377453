import { expect, test } from 'vitest';
import { messageContent } from './message-parts.ts';

const PHOTO = { name: 'photo.png', mediaType: 'image/png', content: Buffer.from('png') } as const;
const REPORT = { name: 'report.pdf', mediaType: 'application/pdf', content: Buffer.from('pdf') } as const;

test('a message without files is its text', () => {
  expect(messageContent('hello', [], '1-3')).toBe('hello');
});

test('files come before the text, each in the shape of its kind', () => {
  expect(messageContent('What is this?', [PHOTO, REPORT], '1-3')).toEqual([
    { type: 'image_url', image_url: { url: 'data:image/png;base64,cG5n' } },
    {
      type: 'file',
      file: { filename: 'report.pdf', file_data: 'data:application/pdf;base64,cGRm', pages: '1-3' },
    },
    { type: 'text', text: 'What is this?' },
  ]);
  expect(messageContent('?', [REPORT], undefined)).toEqual([
    { type: 'file', file: { filename: 'report.pdf', file_data: 'data:application/pdf;base64,cGRm' } },
    { type: 'text', text: '?' },
  ]);
});
