import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { AttachmentSource } from '../../media/attachment.ts';

/**
 * Where the bytes of `file_data` are: OpenAI's clients send a data URL, and some the base64 alone.
 * @throws ApiError MISSING_REQUIRED_PARAMETER where there is none.
 */
export function fileSource(data: string | null | undefined, param: string): AttachmentSource {
  if (data == null) {
    throw new ApiError(API_ERRORS.MISSING_REQUIRED_PARAMETER, `'${param}' is required.`, { param });
  }
  return /^\s*data:/i.test(data.slice(0, 64))
    ? { kind: 'url', url: data }
    : { kind: 'base64', data, mediaType: null };
}
