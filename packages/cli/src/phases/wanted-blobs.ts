import type { Blob } from '../release/package-release.ts';
import type { HostFacts } from '../facts/facts.ts';

/** Something that is sent as one file. */
export type BlobName = 'release' | 'node' | 'uv';

/**
 * Bytes of a file that the host still lacks: what an earlier deploy has sent of it is not sent again, unless what it sent
 * is not to be resumed.
 */
export function bytesToSend(
  { sha256, bytes }: Blob,
  incoming: HostFacts['incoming'],
  resumes = true,
): number {
  if (incoming.has(sha256)) return 0;
  const part = incoming.get(`${sha256}.part`) ?? 0;
  return resumes && part <= bytes ? bytes - part : bytes;
}
