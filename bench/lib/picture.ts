import { crc32, deflateSync } from 'node:zlib';
import { seededRandom } from './random.ts';

/** An image in memory: rows of red, green and blue from the top left, a byte each. */
export interface Picture {
  readonly side: number;
  readonly pixels: Uint8Array;
}

/** Pixels of the side of one spot of noise: pictures of single pixels would be a megabyte and a half each as PNG. */
const SPOT = 4;
const SHAPES = 6;

/** A square picture of coloured noise with rectangles on it. No two seeds give the same. */
export function makePicture(seed: number, side: number): Picture {
  const random = seededRandom(seed);
  const whole = (limit: number): number => Math.floor(random() * limit);
  const pixels = new Uint8Array(side * side * 3);
  const fill = (left: number, top: number, width: number, height: number): void => {
    const colour = Uint8Array.of(whole(256), whole(256), whole(256));
    const right = Math.min(left + width, side);
    for (let y = top; y < Math.min(top + height, side); y += 1) {
      for (let x = left; x < right; x += 1) pixels.set(colour, (y * side + x) * 3);
    }
  };
  for (let top = 0; top < side; top += SPOT) {
    for (let left = 0; left < side; left += SPOT) fill(left, top, SPOT, SPOT);
  }
  for (let shape = 0; shape < SHAPES; shape += 1) {
    fill(whole(side), whole(side), whole(side / 2), whole(side / 2));
  }
  return { side, pixels };
}

const SIGNATURE = Buffer.from('\u0089PNG\r\n\u001A\n', 'latin1');
/** 8 bits a channel, three channels, nothing interlaced. */
const FORMAT = [8, 2, 0, 0, 0];

/** The picture as a PNG file. */
export function encodePng({ side, pixels }: Picture): Buffer {
  const header = Buffer.alloc(8 + FORMAT.length);
  header.writeUInt32BE(side, 0);
  header.writeUInt32BE(side, 4);
  header.set(FORMAT, 8);
  // A byte before each row names its filter; zero is none.
  const rows = Buffer.alloc(side * (1 + side * 3));
  for (let y = 0; y < side; y += 1) {
    rows.set(pixels.subarray(y * side * 3, (y + 1) * side * 3), y * (1 + side * 3) + 1);
  }
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows, { level: 1 })),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const ends = Buffer.alloc(8);
  ends.writeUInt32BE(content.length, 0);
  ends.writeUInt32BE(crc32(body), 4);
  return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
}
