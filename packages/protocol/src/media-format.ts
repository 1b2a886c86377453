import type { Media } from './worker-frames/generate.ts';

/** Kinds of files that are told apart, those that are not taken included: a refusal by name helps more. */
const FORMATS = ['png', 'jpeg', 'webp', 'gif', 'avif', 'heic', 'svg', 'pdf'] as const;
export type MediaFormat = (typeof FORMATS)[number];

interface FormatFacts {
  /** For messages. */
  readonly name: string;
  /** As data URLs and `media_type` say it; the first is the official one. */
  readonly mediaTypes: readonly [string, ...string[]];
  /** What a request can send it as; null for a format that is not taken. */
  readonly kind: Media['kind'] | null;
}

export const MEDIA_FORMATS: Readonly<Record<MediaFormat, FormatFacts>> = {
  png: { name: 'PNG', mediaTypes: ['image/png', 'image/x-png', 'image/apng'], kind: 'image' },
  jpeg: { name: 'JPEG', mediaTypes: ['image/jpeg', 'image/jpg', 'image/pjpeg'], kind: 'image' },
  webp: { name: 'WebP', mediaTypes: ['image/webp'], kind: 'image' },
  gif: { name: 'GIF', mediaTypes: ['image/gif'], kind: 'image' },
  avif: { name: 'AVIF', mediaTypes: ['image/avif', 'image/avif-sequence'], kind: 'image' },
  heic: {
    name: 'HEIC',
    mediaTypes: ['image/heic', 'image/heif', 'image/heic-sequence', 'image/heif-sequence'],
    kind: null,
  },
  svg: { name: 'SVG', mediaTypes: ['image/svg+xml', 'image/svg'], kind: null },
  pdf: { name: 'PDF', mediaTypes: ['application/pdf', 'application/x-pdf'], kind: 'pdf' },
};

const FORMATS_BY_TYPE: ReadonlyMap<string, MediaFormat> = new Map(
  FORMATS.flatMap((format) => MEDIA_FORMATS[format].mediaTypes.map((type) => [type, format] as const)),
);

/** The format that a media type names; null for any other type. */
export function formatOfType(mediaType: string): MediaFormat | null {
  return FORMATS_BY_TYPE.get(mediaType.trim().toLowerCase()) ?? null;
}
