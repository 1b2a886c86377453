import { type ImageSettings, type MediaSettings, memoryTier } from '@mlxfleet/protocol';

/** A worker's cache that the configuration leaves open takes this, bytes: a few dozen images. */
const CACHE_BYTES = 256_000_000;
/** But no more than so much of the machine's memory, as every vision model has both caches. */
const CACHE_SHARE = 0.01;

/** What workers of vision models are told of images; what the configuration leaves open is decided by the size of the machine. */
export function mediaSettings(
  images: ImageSettings,
  totalMemoryBytes: number,
  spoolPath: string,
): MediaSettings {
  const cacheBytes = Math.min(CACHE_BYTES, Math.floor(totalMemoryBytes * CACHE_SHARE));
  return {
    spool_path: spoolPath,
    max_side: images.max_side ?? memoryTier(totalMemoryBytes).imageMaxSide,
    max_pixels: images.max_pixels,
    max_pdf_pages: images.max_pdf_pages,
    pdf_dpi: images.pdf_dpi,
    image_cache_bytes: images.image_cache_bytes ?? cacheBytes,
    feature_cache_bytes: images.feature_cache_bytes ?? cacheBytes,
  };
}
