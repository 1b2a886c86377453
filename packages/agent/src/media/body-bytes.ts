import type { ImageSettings } from '@mlxfleet/protocol';

/** Largest body of a request that holds text only, as on a host that shows no images, and most text of one with images. */
export const TEXT_BODY_BYTES = 16 * 1024 * 1024;
/** The agent reads a body whole, as one text, and holds so much of all that are open. */
export const MOST_BODY_BYTES = 256 * 1024 * 1024;

/** Largest body of a route that takes images: as many as are taken and one document, as base64, besides the text. */
export function mediaBodyBytes(
  settings: Pick<ImageSettings, 'max_images' | 'max_bytes' | 'max_pdf_bytes'>,
): number {
  const files = settings.max_images * settings.max_bytes + settings.max_pdf_bytes;
  return Math.min(TEXT_BODY_BYTES + Math.ceil(files / 3) * 4, MOST_BODY_BYTES);
}
