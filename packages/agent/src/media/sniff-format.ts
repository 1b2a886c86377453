import type { MediaFormat } from './media-format.ts';

/** The header of a PDF may stand behind other bytes: readers look for it in so many. */
const PDF_HEADER_WITHIN = 1024;
/** An XML prologue, comments and a document type may stand before the root of an SVG. */
const SVG_ROOT_WITHIN = 1024;

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
export function sniffFormat(bytes: Uint8Array): MediaFormat | null {
  const head = text(bytes, 0, 16);
  if (head.startsWith('\u0089PNG\r\n\u001A\n')) return 'png';
  if (head.startsWith('\u00FF\u00D8\u00FF')) return 'jpeg';
  if (head.startsWith('GIF87a') || head.startsWith('GIF89a')) return 'gif';
  if (head.startsWith('RIFF') && head.slice(8, 12) === 'WEBP') return 'webp';
  if (head.slice(4, 8) === 'ftyp') return formatOfBrands(bytes);
  if (text(bytes, 0, PDF_HEADER_WITHIN).includes('%PDF-')) return 'pdf';
  return isSvg(text(bytes, 0, SVG_ROOT_WITHIN)) ? 'svg' : null;
}

/** AVIF is a kind of HEIF: it is the one whose brands say so, wherever in the list. */
function formatOfBrands(bytes: Uint8Array): MediaFormat | null {
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  const brands = text(bytes, 8, Math.min(size, 256)).match(/.{4}/gs) ?? [];
  if (brands.some((brand) => AVIF_BRANDS.has(brand))) return 'avif';
  return brands.some((brand) => HEIF_BRANDS.has(brand)) ? 'heic' : null;
}

function isSvg(head: string): boolean {
  return /^[^<]{0,8}<(?:\?xml|!--|!doctype svg|svg)/i.test(head.trimStart()) && /<svg[\s>]/i.test(head);
}

/** Each byte as the character of its number. */
function text(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', start, end);
}
