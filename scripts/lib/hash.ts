import { createHash } from 'node:crypto';

/** SHA-256 of the parts one after the other, in hexadecimal. */
export function sha256(...parts: ReadonlyArray<string | Uint8Array>): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
