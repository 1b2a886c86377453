import type { IncomingMessage } from 'node:http';
import { FetchFailure } from './fetch-failure.ts';
import { tooLarge } from './response-rules.ts';

/** Bytes that a body gets room for at first. */
const FIRST_ROOM = 64 * 1024;

/**
 * All of a body, whatever its announced length was: the bytes that come are counted.
 *
 * @throws FetchFailure, when it has more than `maxBytes` or ends early; the reason of the signal
 */
export async function readBody(
  response: IncomingMessage,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  // Copied as they come: a server may send chunks of one byte, and each would be an object of a hundred.
  let room = Buffer.alloc(Math.min(FIRST_ROOM, maxBytes));
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      const end = size + chunk.length;
      if (end > maxBytes) throw tooLarge(maxBytes);
      if (end > room.length) room = enlarged(room, Math.min(Math.max(end, 2 * room.length), maxBytes));
      chunk.copy(room, size);
      size = end;
    }
    // A body without a length ends with its connection, so one that the signal cut off looks whole.
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FetchFailure) throw error;
    throw new FetchFailure('failed', 'its server broke off', error);
  }
  return room.subarray(0, size);
}

function enlarged(room: Buffer, bytes: number): Buffer<ArrayBuffer> {
  const larger = Buffer.alloc(bytes);
  room.copy(larger);
  return larger;
}
