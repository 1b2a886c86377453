import { inflateSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { encodePdf } from './picture-pdf.ts';
import { encodePng, makePicture } from './picture.ts';

const SIDE = 12;

test('a seed gives one picture, another seed another one', () => {
  expect(makePicture(1, SIDE)).toEqual(makePicture(1, SIDE));
  expect(makePicture(2, SIDE).pixels).not.toEqual(makePicture(1, SIDE).pixels);
});

test('a PNG has the rows of its picture, each behind the byte of no filter', () => {
  const picture = makePicture(3, SIDE);
  const file = encodePng(picture);
  expect(file.subarray(1, 4).toString()).toBe('PNG');
  const start = file.indexOf('IDAT');
  const rows = inflateSync(file.subarray(start + 4, start + 4 + file.readUInt32BE(start - 4)));
  expect(rows).toHaveLength(SIDE * (1 + SIDE * 3));
  for (let y = 0; y < SIDE; y += 1) {
    const row = rows.subarray(y * (1 + SIDE * 3), (y + 1) * (1 + SIDE * 3));
    expect(row[0]).toBe(0);
    expect(new Uint8Array(row.subarray(1))).toEqual(
      picture.pixels.subarray(y * SIDE * 3, (y + 1) * SIDE * 3),
    );
  }
});

test('a PDF tells where each of its objects begins, and has a page for each picture', () => {
  const file = encodePdf([makePicture(4, SIDE), makePicture(5, SIDE)], 144).toString('latin1');
  const table = Number(/startxref\n(\d+)\n%%EOF\n$/.exec(file)?.[1]);
  const [, count, entries = ''] = /^xref\n0 (\d+)\n([\s\S]*?)trailer/.exec(file.slice(table)) ?? [];
  const offsets = [...entries.matchAll(/(\d{10}) 00000 n /g)].map(([, offset]) => Number(offset));
  expect(offsets).toHaveLength(Number(count) - 1);
  for (const [index, offset] of offsets.entries()) {
    expect(file.slice(offset).startsWith(`${String(index + 1)} 0 obj\n`)).toBe(true);
  }
  expect(file).toContain('/Count 2 ');
  // Twelve dots at 144 to the inch are six points.
  expect(file.match(/\/MediaBox \[0 0 6 6\]/g)).toHaveLength(2);
});
