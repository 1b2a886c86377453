import { crc32, inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { testImage } from './test-image.ts';

test('the image is a PNG whose left half is red and whose right half is blue', () => {
  const image = testImage();
  expect(image.subarray(0, 8).toString('latin1')).toBe('\u0089PNG\r\n\u001a\n');
  const chunks = new Map<string, Buffer>();
  for (let at = 8; at < image.length;) {
    const length = image.readUInt32BE(at);
    const body = image.subarray(at + 4, at + 8 + length);
    expect(image.readUInt32BE(at + 8 + length)).toBe(crc32(body));
    chunks.set(body.toString('latin1', 0, 4), body.subarray(4));
    at += 12 + length;
  }
  expect([...chunks.keys()]).toEqual(['IHDR', 'IDAT', 'IEND']);
  expect(chunks.get('IHDR')?.toString('hex')).toBe('00000080000000800802000000');
  const pixels = inflateSync(chunks.get('IDAT') ?? '');
  expect(pixels.length).toBe(128 * (1 + 128 * 3));
  expect([...pixels.subarray(1, 4), ...pixels.subarray(-3)]).toEqual([220, 40, 40, 40, 70, 220]);
});
