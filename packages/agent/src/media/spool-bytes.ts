import type { ImageSettings } from '@mlxfleet/protocol';
import { MOST_BODY_BYTES } from './body-bytes.ts';

/** With default settings, twenty requests of five images of 10 MB each. */
const LEAST_BYTES = 1024 ** 3;

/**
 * Bytes that the files of all running requests may have together. Files that stand in bodies are bounded by the bodies in
 * flight; those of URLs and of stored conversations are in none. Never less than one request may need.
 */
export function spoolBytes({
  max_images: images,
  max_bytes: bytes,
}: Pick<ImageSettings, 'max_images' | 'max_bytes'>): number {
  return Math.max(LEAST_BYTES, images * bytes + MOST_BODY_BYTES);
}
