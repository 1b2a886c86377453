import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { FrameLines } from './frame-lines.ts';

describe('frame lines', () => {
  test('lines come out whole wherever the bytes are cut', () => {
    const text = fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll(/[\n\r]/g, ''));
    fc.assert(
      fc.property(fc.array(text), fc.array(fc.nat(20)), (lines, cuts) => {
        const bytes = Buffer.from(lines.map((line) => `${line}\n`).join(''));
        const seen: string[] = [];
        const frames = new FrameLines(
          (line) => seen.push(line),
          () => expect.unreachable(),
        );
        let start = 0;
        for (const cut of cuts) {
          frames.push(bytes.subarray(start, start + cut));
          start += cut;
        }
        frames.push(bytes.subarray(start));
        expect(seen).toEqual(lines.filter((line) => line !== ''));
      }),
    );
  });

  test('a line without end is noticed, and not kept', () => {
    let overflows = 0;
    const frames = new FrameLines(
      () => expect.unreachable(),
      () => (overflows += 1),
      100,
    );
    for (let count = 0; count < 11; count += 1) frames.push(Buffer.from('0123456789'));
    expect(overflows).toBe(1);
  });
});
