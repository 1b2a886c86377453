/** Of what an agent takes: images, and documents whose pages are images. */
export type MediaType =
  | 'image/png'
  | 'image/jpeg'
  | 'image/webp'
  | 'image/gif'
  | 'image/avif'
  | 'application/pdf';

/** Bytes from the start of a file that tell what it is: a PDF's header may stand behind other bytes. */
export const TELLING_BYTES = 1024;

/** What a file is by its first bytes, whatever its name says; null for one of another kind. */
export function sniffMediaType(bytes: Uint8Array): MediaType | null {
  const head = latin1(bytes);
  if (head.startsWith('\u0089PNG\r\n\u001A\n')) return 'image/png';
  if (head.startsWith('\u00FF\u00D8\u00FF')) return 'image/jpeg';
  if (/^GIF8[79]a/.test(head)) return 'image/gif';
  if (/^RIFF.{4}WEBP/s.test(head)) return 'image/webp';
  const brands = brandsOf(bytes);
  if (brands.length > 0) return brands.some((brand) => /^avi[fs]$/.test(brand)) ? 'image/avif' : null;
  return head.includes('%PDF-') ? 'application/pdf' : null;
}

/** Whether a file is a photo as iPhones take them, which no agent takes. AVIF is of the same family, and is told apart before. */
export function isHeic(bytes: Uint8Array): boolean {
  return brandsOf(bytes).some((brand) => /^(he[iv][cmsx]|mif1|msf1)$/.test(brand));
}

/** `major_brand` and `compatible_brands` of an ISO base media file; none of any other. */
function brandsOf(bytes: Uint8Array): string[] {
  const head = latin1(bytes);
  if (head.slice(4, 8) !== 'ftyp') return [];
  const size = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getUint32(0);
  return head.slice(8, size).match(/.{4}/gs) ?? [];
}

/** Each byte as the character of its number. */
function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1', 0, TELLING_BYTES);
}
