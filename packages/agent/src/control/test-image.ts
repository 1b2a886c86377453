import { crc32, deflateSync } from 'node:zlib';

const SIGNATURE = Buffer.from('89504e470d0a1a0a', 'hex');
/** Pixels of each side: more than the few that processors of vision models refuse. */
const SIDE = 128;
const RED = [220, 40, 40] as const;
const BLUE = [40, 70, 220] as const;

/** A small PNG to show a vision model: its left half is red, its right half blue. */
export function testImage(): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(SIDE, 0);
  header.writeUInt32BE(SIDE, 4);
  // 8 bits a channel, RGB; compression, filters and order have one usual value each, 0.
  header.set([8, 2, 0, 0, 0], 8);
  const half = (colour: readonly number[]): number[] => Array.from({ length: SIDE / 2 }, () => colour).flat();
  // Each row begins with its filter, none.
  const row = Buffer.from([0, ...half(RED), ...half(BLUE)]);
  const rows = Buffer.concat(Array.from({ length: SIDE }, () => row));
  return Buffer.concat([
    SIGNATURE,
    chunk('IHDR', header),
    chunk('IDAT', deflateSync(rows)),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

/** Length, type, content, and the checksum of the latter two. https://www.w3.org/TR/png/#5Chunk-layout */
function chunk(type: string, content: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, 'latin1'), content]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(content.length);
  const checksum = Buffer.alloc(4);
  checksum.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, checksum]);
}
