import { expect, test } from 'vitest';
import { SAMPLES } from '../test-support/sample-media.ts';
import { sniffFormat } from './sniff-format.ts';

test.each(['png', 'jpeg', 'gif', 'webp', 'avif', 'heic', 'svg', 'pdf'] as const)('%s', (format) => {
  expect(sniffFormat(SAMPLES[format]())).toBe(format);
});

test.each<[string, string, string | null]>([
  ['an older GIF', 'GIF87a', 'gif'],
  ['AVIF by its first brand', '\0\0\0\u0010ftypavif', 'avif'],
  ['HEIF of any codec', '\0\0\0\u0014ftypmif1\0\0\0\0mif1', 'heic'],
  ['a film', '\0\0\0\u0014ftypisom\0\0\0\0mp42', null],
  ['brands behind the box are none of it', '\0\0\0\u0014ftypisom\0\0\0\0mp42avif', null],
  ['a PDF behind other bytes', `${'\n'.repeat(1000)}%PDF-1.4`, 'pdf'],
  ['a PDF too far behind', `${'\n'.repeat(1024)}%PDF-1.4`, null],
  ['an image that is also a PDF', 'GIF89a %PDF-1.4', 'gif'],
  ['an SVG without prologue', '  <svg width="1">', 'svg'],
  ['a web page', '<!doctype html><svg>', null],
  ['TIFF', 'II*\0', null],
  ['BMP', 'BM\0\0', null],
  ['a sound in RIFF', 'RIFF\0\0\0\0WAVE', null],
  ['a text', 'hello', null],
  ['nothing', '', null],
  ['a box cut off', '\0\0\0\u0018ftyp', null],
])('%s', (_, text, format) => {
  expect(sniffFormat(Buffer.from(text, 'latin1'))).toBe(format);
});

test('looks at the bytes that it is given, and at none beside them', () => {
  const whole = Buffer.from('GIF89aGIF89a');
  expect(sniffFormat(whole.subarray(1, 6))).toBeNull();
  expect(sniffFormat(whole.subarray(6))).toBe('gif');
});
