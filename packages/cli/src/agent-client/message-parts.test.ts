import { expect, test } from 'vitest';
import { userMessage } from './message-parts.ts';

const PHOTO = { name: 'photo.png', mediaType: 'image/png', content: Buffer.from('png') } as const;
const REPORT = { name: 'report.pdf', mediaType: 'application/pdf', content: Buffer.from('pdf') } as const;

test('a message without files is its text', () => {
  expect(userMessage('hello', [], '1-3')).toEqual({ content: 'hello', files: [] });
});

test('files come before the text, each in the shape of its kind', () => {
  const both = userMessage('What is this?', [PHOTO, REPORT], '1-3');
  expect(both.files).toEqual(['photo.png', 'report.pdf']);
  expect(both.content).toEqual([
    { type: 'image_url', image_url: { url: 'data:image/png;base64,cG5n' } },
    {
      type: 'file',
      file: { filename: 'report.pdf', file_data: 'data:application/pdf;base64,cGRm', pages: '1-3' },
    },
    { type: 'text', text: 'What is this?' },
  ]);
  expect(userMessage('?', [REPORT], undefined).content).toEqual([
    { type: 'file', file: { filename: 'report.pdf', file_data: 'data:application/pdf;base64,cGRm' } },
    { type: 'text', text: '?' },
  ]);
});
