import type { IncomingMessage } from 'node:http';
import { FetchFailure } from './fetch-failure.ts';
import { tooLarge } from './response-rules.ts';

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
  const chunks: Buffer[] = [];
  let size = 0;
  try {
    for await (const chunk of response as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      chunks.push(chunk);
    }
    // A body without a length ends with its connection, so one that the signal cut off looks whole.
    signal.throwIfAborted();
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof FetchFailure) throw error;
    throw new FetchFailure('failed', 'its server broke off', error);
  }
  return Buffer.concat(chunks, size);
}
