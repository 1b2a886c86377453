import type { MediaFormat } from './media-format.ts';

/** Bytes from the start of a file that tell what it is. The header of a PDF may stand behind other bytes: readers look for it in so many. */
export const TELLING_BYTES = 1024;
/** Bytes in which brands are looked for: the worker looks at as many (images/headers.py), and has to find the same. */
const BRANDS_WITHIN = 256;

/** `major_brand` and `compatible_brands` of ISO base media files. */
const AVIF_BRANDS: ReadonlySet<string> = new Set(['avif', 'avis']);
const HEIF_BRANDS: ReadonlySet<string> = new Set([
  'heic',
  'heim',
  'heis',
  'heix',
  'hevc',
  'hevm',
  'hevs',
  'hevx',
  'mif1',
  'msf1',
]);

/** What a file is by its first bytes, whatever anybody says of it; null for one of another format. */
export function sniffMediaFormat(bytes: Uint8Array): MediaFormat | null {
  // Each byte as the character of its number.
  const head = String.fromCharCode(...bytes.subarray(0, TELLING_BYTES));
  if (head.startsWith('\u0089PNG\r\n\u001A\n')) return 'png';
  if (head.startsWith('\u00FF\u00D8\u00FF')) return 'jpeg';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp';
  if (head.slice(4, 8) === 'ftyp') return formatOfBrands(bytes, head);
  if (head.includes('%PDF-')) return 'pdf';
  return isSvg(head) ? 'svg' : null;
}

/** AVIF is a kind of HEIF: it is the one whose brands say so, wherever in the list. */
function formatOfBrands(bytes: Uint8Array, head: string): MediaFormat | null {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  // Between the first brand and the others is a version.
  const others = head.slice(16, Math.min(size, BRANDS_WITHIN)).match(/.{4}/gs) ?? [];
  const brands = [head.slice(8, 12), ...others];
  if (brands.some((brand) => AVIF_BRANDS.has(brand))) return 'avif';
  return brands.some((brand) => HEIF_BRANDS.has(brand)) ? 'heic' : null;
}

/** An XML prologue, comments and a document type may stand before the root. */
function isSvg(head: string): boolean {
  return /^[^<]{0,8}<(?:\?xml|!--|!doctype svg|svg)/i.test(head.trimStart()) && /<svg[\s>]/i.test(head);
}
