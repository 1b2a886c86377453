import type { IncomingHttpHeaders } from 'node:http';
import { FetchFailure } from './fetch-failure.ts';

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

/**
 * Types besides those of images. The last two are what stores of files say of everything; what a file really is shows
 * in its first bytes, when it is read.
 */
const TYPES: ReadonlySet<string> = new Set([
  'application/pdf',
  'application/octet-stream',
  'binary/octet-stream',
]);

/**
 * Decides on an answer by all that comes before its body.
 *
 * @param maxBytes the largest body that is taken.
 * @returns where to go instead, or null when the body is to be read.
 * @throws FetchFailure
 */
export function redirectIn(
  status: number | undefined,
  headers: IncomingHttpHeaders,
  maxBytes: number,
): string | null {
  if (status !== undefined && REDIRECTS.has(status) && headers.location !== undefined) {
    return headers.location;
  }
  if (status !== 200) throw new FetchFailure('failed', `its server answers with status ${String(status)}`);
  const encoding = headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding !== '' && encoding !== 'identity') {
    throw new FetchFailure('failed', 'its server compresses the file, which it was asked not to do');
  }
  const type = headers['content-type']?.split(';', 1)[0]?.trim().toLowerCase() ?? '';
  if (type !== '' && !type.startsWith('image/') && !TYPES.has(type)) {
    throw new FetchFailure('failed', 'its server says that it is neither an image nor a PDF');
  }
  if (Number(headers['content-length'] ?? 0) > maxBytes) throw tooLarge(maxBytes);
  return null;
}

/** For a body that is larger than what is taken, as announced or as counted. */
export function tooLarge(maxBytes: number): FetchFailure {
  return new FetchFailure('large', `the file has more than the ${String(maxBytes)} bytes that are taken`);
}
