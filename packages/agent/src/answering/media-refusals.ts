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

/**
 * Refuses references to files that a hosted service would keep.
 * @param holder the object that may have such fields.
 * @param place of the holder in the request.
 * @throws ApiError UNSUPPORTED_PARAMETER that names the field.
 */
export function refuseReferences(
  holder: Readonly<Record<string, unknown>>,
  names: readonly string[],
  place: string,
): void {
  const name = names.find((each) => holder[each] != null);
  if (name !== undefined) throw unsupportedReference(`${place}.${name}`);
}

export function unsupportedReference(param: string): ApiError {
  return new ApiError(
    API_ERRORS.UNSUPPORTED_PARAMETER,
    `'${param}' is not supported: this host keeps no files, and fetches no documents; send it as base64.`,
    { param },
  );
}
