import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/**
 * For an image or a document where no model was taught to look for one.
 * @param param the part of the message.
 * @param role whose message it is.
 */
export function misplacedMedia(param: string, role: string): ApiError {
  return new ApiError(
    API_ERRORS.INVALID_VALUE,
    `'${param}': messages of the ${role} hold text only; images and documents stand in messages of the user and in what tools give.`,
    { param },
  );
}

/** A part of a request: what has no name here is among its fields too. */
type Fields = Readonly<Record<string, unknown>>;

/**
 * Refuses references to files that a hosted service would keep, or fetch.
 * @param part the object that may have such fields.
 * @param place of it in the request.
 * @param taken the field that has the file itself.
 * @throws ApiError UNSUPPORTED_PARAMETER that names the field.
 */
export function refuseReferences(part: Fields, names: readonly string[], place: string, taken: string): void {
  const name = names.find((each) => part[each] != null);
  if (name === undefined) return;
  throw unsupported(
    `${place}.${name}`,
    part[taken] == null
      ? `is not supported: this host keeps no files, and fetches no documents; send it as base64 in ${taken}`
      : `is not supported, and ${taken} stands beside it: a part has one source, so leave out ${name}`,
  );
}

/** What only the pages of a document have. */
const PAGE_OPTIONS = ['pages', 'dpi'] as const;

/**
 * Refuses a choice of pages where nothing would look at it.
 * @param part the object that may have such fields.
 * @param place of it in the request.
 * @param fault goes on after the name of the field.
 * @throws ApiError UNSUPPORTED_PARAMETER that names the field.
 */
export function refusePages(part: Fields, place: string, fault: string): void {
  const name = PAGE_OPTIONS.find((each) => part[each] != null);
  if (name !== undefined) throw unsupported(`${place}.${name}`, fault);
}

export const PAGELESS_IMAGE = 'is not supported: images have no pages';

/** @param fault goes on after the name of the field. */
export function unsupported(param: string, fault: string): ApiError {
  return new ApiError(API_ERRORS.UNSUPPORTED_PARAMETER, `'${param}' ${fault}.`, { param });
}
