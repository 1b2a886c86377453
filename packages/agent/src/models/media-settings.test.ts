import { agentConfigSchema } from '@mlxfleet/protocol';
import { describe, expect, test } from 'vitest';
import { mediaSettings } from './media-settings.ts';

const GIB = 1024 ** 3;

function settings(images: object, totalBytes: number) {
  return mediaSettings(agentConfigSchema.parse({ version: 1, images }).images, totalBytes, '/host/spool');
}

describe('what workers are told of images', () => {
  test.each([
    [16, 512, Math.floor(0.16 * GIB)],
    [32, 768, 256_000_000],
    [128, 1024, 256_000_000],
  ])('by the size of the machine: %i GB', (gigabytes, side, cache) => {
    expect(settings({}, gigabytes * GIB)).toEqual({
      spool_path: '/host/spool',
      max_side: side,
      max_pixels: 50_000_000,
      max_pdf_pages: 20,
      pdf_dpi: 144,
      image_cache_bytes: cache,
      feature_cache_bytes: cache,
    });
  });

  test('as the configuration says', () => {
    const images = { max_side: 2048, max_pixels: 1000, max_pdf_pages: 3, pdf_dpi: 72 };
    const caches = { image_cache_bytes: 0, feature_cache_bytes: 5 * GIB };
    expect(settings({ ...images, ...caches }, 16 * GIB)).toEqual({
      spool_path: '/host/spool',
      ...images,
      ...caches,
    });
  });
});
