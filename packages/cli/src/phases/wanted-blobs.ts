import type { Blob } from '../release/package-release.ts';
import type { HostFacts } from '../facts/facts.ts';

/** Something that is sent as one file. */
export type BlobName = 'release' | 'node' | 'uv';

/** Bytes of a file that the host still lacks: what an earlier deploy has sent of it is not sent again. */
export function bytesToSend({ sha256, bytes }: Blob, incoming: HostFacts['incoming']): number {
  if (incoming.has(sha256)) return 0;
  const part = incoming.get(`${sha256}.part`) ?? 0;
  return part <= bytes ? bytes - part : bytes;
}
