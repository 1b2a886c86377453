import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Attachment } from '../media/attachment.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';

const WITH_ARTICLE: Readonly<Record<Attachment['kind'], string>> = { image: 'an image', pdf: 'a document' };

/** @throws ApiError IMAGES_NOT_SUPPORTED when there is something to look at, and the model cannot. */
export function requireImages(
  { id, location }: Pick<ModelRuntime, 'id' | 'location'>,
  [first]: readonly Attachment[],
): void {
  if (first === undefined || location.task === 'vision') return;
  const { kind, param } = first;
  const remedy = location.isVisionAsText
    ? 'set vision: true in the inventory and deploy again to have it shown images'
    : 'send text only, or name a vision model';
  throw new ApiError(
    API_ERRORS.IMAGES_NOT_SUPPORTED,
    `The model '${id}' takes text only on this host, and the message holds ${WITH_ARTICLE[kind]}: ${remedy}.`,
    { param },
  );
}
