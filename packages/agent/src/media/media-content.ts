import {
  formatOfType,
  type Media,
  MEDIA_FORMATS,
  type MediaFormat,
  sniffMediaFormat,
} from '@mlxfleet/protocol';
import type { Attachment } from './attachment.ts';
import { base64Bytes, base64BytesWithoutBlanks, decodeBase64 } from './base64.ts';
import { parseDataUrl } from './data-url.ts';
import { LONGEST_URL } from './longest-url.ts';
import { invalidMedia, quoted, tooLarge, wrongFormat } from './media-errors.ts';
import { urlScheme } from './url-scheme.ts';

/** Base64 in a request, with what the request says that it is. */
interface InlineContent {
  readonly kind: 'inline';
  readonly base64: string;
  /** Null where the request does not say. */
  readonly declared: MediaFormat | null;
}

/** Where the content of an attachment is: in the request, or behind a URL. */
export type MediaContent = InlineContent | { readonly kind: 'remote'; readonly url: URL };

/**
 * Finds the content of an attachment; nothing is decoded.
 * @throws ApiError INVALID_MEDIA for a media type that is not taken, and for a URL that leads nowhere from here.
 */
export function locateContent({ kind, param, source }: Attachment): MediaContent {
  if (source.kind === 'base64') {
    const { data, mediaType } = source;
    return inline(kind, param, data, mediaType);
  }
  const parsed = parseDataUrl(source.url);
  if (parsed === null) return { kind: 'remote', url: webUrl(param, source.url) };
  if (!parsed.isBase64) throw invalidMedia(param, 'a data URL has to be of base64: data:image/png;base64,…');
  return inline(kind, param, parsed.data, parsed.mediaType);
}

/**
 * The bytes of base64 that a request holds.
 * @param mostBytes looked at before anything is decoded.
 * @throws ApiError MEDIA_TOO_LARGE, or INVALID_MEDIA for what is no base64 and for content that is not what it says.
 */
export function decodeContent(
  { kind, param }: Pick<Attachment, 'kind' | 'param'>,
  { base64, declared }: InlineContent,
  mostBytes: number,
): Uint8Array {
  if (base64Bytes(base64) > mostBytes) {
    // Most files are in one line; only what seems too large is gone through for the breaks of its lines.
    const size = base64BytesWithoutBlanks(base64);
    if (size > mostBytes) throw tooLarge(param, kind, size, mostBytes);
  }
  const bytes = decodeBase64(base64);
  if (bytes === null) throw invalidMedia(param, 'this is no valid base64');
  refuseContent(kind, param, bytes, declared);
  return bytes;
}

/**
 * The content decides what a file is: one that is something else than was said may be meant for another reader.
 * @throws ApiError INVALID_MEDIA.
 */
export function refuseContent(
  kind: Media['kind'],
  param: string,
  bytes: Uint8Array,
  declared: MediaFormat | null,
): void {
  if (bytes.length === 0) throw invalidMedia(param, 'there is nothing in it');
  const format = sniffMediaFormat(bytes);
  if (format === null) {
    throw wrongFormat(param, kind, null, 'its content is of no format that is known here');
  }
  const { name } = MEDIA_FORMATS[format];
  if (MEDIA_FORMATS[format].kind !== kind) throw wrongFormat(param, kind, format, `its content is ${name}`);
  if (declared === null || declared === format) return;
  const said = MEDIA_FORMATS[declared].name;
  throw invalidMedia(param, `it is said to be ${said}, and its content is ${name}`);
}

function inline(kind: Media['kind'], param: string, base64: string, mediaType: string | null): InlineContent {
  // A data URL may leave it out.
  if (mediaType === null || mediaType === '') return { kind: 'inline', base64, declared: null };
  const declared = formatOfType(mediaType);
  if (declared === null || MEDIA_FORMATS[declared].kind !== kind) {
    throw wrongFormat(param, kind, declared, `its media type is ${quoted(mediaType)}`);
  }
  return { kind: 'inline', base64, declared };
}

/** Paths and other schemes would lead to the host's own files and services. */
function webUrl(param: string, text: string): URL {
  const url = text.length > LONGEST_URL ? null : URL.parse(text);
  if (url !== null && (url.protocol === 'http:' || url.protocol === 'https:')) return url;
  const found = foundInstead(text);
  throw invalidMedia(
    param,
    `expected a data URL (data:image/png;base64,…), or an http(s) URL where the host allows them, ${found}`,
  );
}

/** What a text is that is neither a data URL nor an http(s) URL, though it may begin like one. */
function foundInstead(text: string): string {
  const scheme = urlScheme(text);
  if (scheme === null) return 'found a text without a scheme';
  if (!/^(data|https?)$/i.test(scheme)) return `found the scheme ${quoted(scheme)}`;
  if (/^data$/i.test(scheme) || text.length <= LONGEST_URL) return 'found one that is not complete';
  return `found one of more than ${String(LONGEST_URL)} characters`;
}
