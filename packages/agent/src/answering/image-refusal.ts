import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/** @param param the part of the message that is an image. */
export function imageRefusal(param: string): ApiError {
  return new ApiError(
    API_ERRORS.IMAGES_NOT_SUPPORTED,
    'This model takes text only, and the message holds an image.',
    { param },
  );
}
