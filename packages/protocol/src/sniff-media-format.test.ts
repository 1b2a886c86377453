import { expect, test } from 'vitest';
import { MEDIA_FORMATS } from './media-format.ts';
import { sniffMediaFormat } from './sniff-media-format.ts';

test.each<[string, string, string | null]>([
  ['PNG', '\u0089PNG\r\n\u001A\n', 'png'],
  ['JPEG', '\u00FF\u00D8\u00FF\u00E0', 'jpeg'],
  ['WebP', 'RIFF\u0001\u0002\n\u0004WEBPVP8 ', 'webp'],
  ['GIF', 'GIF89a', 'gif'],
  ['an older GIF', 'GIF87a', 'gif'],
  ['AVIF by its first brand', '\0\0\0\u0010ftypavif', 'avif'],
  ['AVIF by a later brand', '\0\0\0\u0018ftypmif1\0\0\0\0miafavif', 'avif'],
  ['AVIF by the last brand that is looked at', brands('....'.repeat(59), 'avif'), 'avif'],
  ['a brand too far behind', brands('....'.repeat(60), 'avif'), null],
  ['a version that looks like a brand', '\0\0\0\u0014ftypisomavifmp42', null],
  ['HEIC', '\0\0\0\u0018ftypheic\0\0\0\0mif1heic', 'heic'],
  ['HEIF of any codec', '\0\0\0\u0014ftypmif1\0\0\0\0mif1', 'heic'],
  ['a film', '\0\0\0\u0014ftypisom\0\0\0\0mp42', null],
  ['brands behind the box are none of it', '\0\0\0\u0014ftypisom\0\0\0\0mp42avif', null],
  ['a film that holds a PDF', '\0\0\0\u0010ftypisom\0\0\0\0%PDF-', null],
  ['PDF', '%PDF-1.7', 'pdf'],
  ['a PDF behind other bytes', `${'\n'.repeat(1000)}%PDF-1.4`, 'pdf'],
  ['a PDF too far behind', `${'\n'.repeat(1024)}%PDF-1.4`, null],
  ['an image that is also a PDF', 'GIF89a %PDF-1.4', 'gif'],
  ['SVG', '<?xml version="1.0"?><!-- a --><svg xmlns="http://www.w3.org/2000/svg"/>', 'svg'],
  ['an SVG without prologue', '  <svg width="1">', 'svg'],
  ['a web page', '<!doctype html><svg>', null],
  ['TIFF', 'II*\0', null],
  ['BMP', 'BM\0\0', null],
  ['a sound in RIFF', 'RIFF\0\0\0\0WAVE', null],
  ['a text', 'hello', null],
  ['part of a magic number', 'PNG', null],
  ['nothing', '', null],
  ['a box cut off', '\0\0\0\u0018ftyp', null],
])('%s', (_, text, format) => {
  expect(sniffMediaFormat(Buffer.from(text, 'latin1'))).toBe(format);
});

/** The beginning of a file with many brands behind its first one. */
function brands(...others: readonly string[]): string {
  return `\0\0\u0001\u0010ftypisom\0\0\0\0${others.join('')}`;
}

test('looks at the bytes that it is given, and at none beside them', () => {
  const whole = Buffer.from('GIF89aGIF89a');
  expect(sniffMediaFormat(whole.subarray(1, 6))).toBeNull();
  expect(sniffMediaFormat(whole.subarray(6))).toBe('gif');
});

test('each format has one way in which it is sent, or is not taken', () => {
  const kinds = Object.values(MEDIA_FORMATS).map(({ mediaTypes: [type], kind }) => [type, kind]);
  expect(kinds).toEqual([
    ['image/png', 'image'],
    ['image/jpeg', 'image'],
    ['image/webp', 'image'],
    ['image/gif', 'image'],
    ['image/avif', 'image'],
    ['image/heic', null],
    ['image/svg+xml', null],
    ['application/pdf', 'pdf'],
  ]);
});
