import { type Media, MEDIA_FORMATS, type MediaFormat, mediaSizeText } from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

const NOUNS: Readonly<Record<Media['kind'], string>> = { image: 'image', pdf: 'document' };

const TAKEN: Readonly<Record<Media['kind'], string>> = {
  image: 'images are PNG, JPEG, WebP, GIF or AVIF',
  pdf: 'documents are PDF',
};

/** What of a client's text is repeated in an answer. */
const LONGEST_QUOTE = 40;

/** @param fault goes on after the name of the field. */
export function invalidMedia(param: string, fault: string): ApiError {
  return new ApiError(API_ERRORS.INVALID_MEDIA, `'${param}': ${fault}.`, { param });
}

/** For a media type, or a content, that cannot be sent as what it is sent as. */
export function wrongFormat(
  param: string,
  kind: Media['kind'],
  format: MediaFormat | null,
  found: string,
): ApiError {
  if (format === 'heic') {
    return invalidMedia(param, `${found}, which is not taken: ${TAKEN.image}; convert it to JPEG`);
  }
  const isOfOtherKind = format !== null && MEDIA_FORMATS[format].kind !== null;
  const advice = isOfOtherKind
    ? `; ${kind === 'image' ? 'documents' : 'images'} have a part of their own`
    : '';
  return invalidMedia(param, `${found}, and ${TAKEN[kind]}${advice}`);
}

/** Sizes in bytes. */
export function tooLarge(param: string, kind: Media['kind'], size: number, most: number): ApiError {
  const setting = kind === 'image' ? 'images.max_bytes' : 'images.max_pdf_bytes';
  return new ApiError(
    API_ERRORS.MEDIA_TOO_LARGE,
    `'${param}': the ${NOUNS[kind]} has ${mediaSizeText(size)}, and this host takes ${mediaSizeText(most)} (${setting}).`,
    { param },
  );
}

/** @param param of the first one beyond the limit. */
export function tooManyImages(param: string, count: number, most: number): ApiError {
  return new ApiError(
    API_ERRORS.TOO_MANY_IMAGES,
    `The request has ${String(count)} images, those of earlier turns included, and this host takes ${String(most)} (images.max_images).`,
    { param },
  );
}

/** @param param of the first one beyond the limit: each has a page at least. */
export function tooManyDocuments(param: string, count: number, most: number): ApiError {
  return new ApiError(
    API_ERRORS.MEDIA_TOO_LARGE,
    `The request has ${String(count)} documents, those of earlier turns included. Each has a page at least, and this host takes ${String(most)} pages in all (images.max_pdf_pages).`,
    { param },
  );
}

/** @param instead what to send in the place of a URL. */
export function urlNotAllowed(param: string, instead = 'a data URL (data:image/png;base64,…)'): ApiError {
  return new ApiError(
    API_ERRORS.MEDIA_URL_NOT_ALLOWED,
    `'${param}': this host fetches no images: send it as ${instead}, or set images.allow_urls.`,
    { param },
  );
}

/** A client's text, cut and without what a terminal would obey. */
export function quoted(text: string): string {
  const clean = text.replaceAll(/[^\x20-\x7e]/g, '?');
  return `'${clean.length > LONGEST_QUOTE ? `${clean.slice(0, LONGEST_QUOTE)}…` : clean}'`;
}
