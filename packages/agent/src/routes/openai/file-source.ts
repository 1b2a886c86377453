import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { AttachmentSource } from '../../media/attachment.ts';
import { invalidMedia } from '../../media/media-errors.ts';
import { urlScheme } from '../../media/url-scheme.ts';

/**
 * Where the bytes of `file_data` are: OpenAI's clients send a data URL, and some the base64 alone.
 * @throws ApiError MISSING_REQUIRED_PARAMETER where there is none, INVALID_MEDIA for a URL of another scheme.
 */
export function fileSource(data: string | null | undefined, param: string): AttachmentSource {
  if (data == null) {
    throw new ApiError(API_ERRORS.MISSING_REQUIRED_PARAMETER, `'${param}' is required.`, { param });
  }
  const scheme = urlScheme(data)?.toLowerCase();
  if (scheme === undefined) return { kind: 'base64', data, mediaType: null };
  if (scheme === 'data') return { kind: 'url', url: data };
  throw invalidMedia(
    param,
    'this is a URL, and file_data takes the document itself: data:application/pdf;base64,…, or its base64 alone. This host fetches no documents; an image goes into image_url, by its URL where the host sets images.allow_urls',
  );
}
