import type { FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Attachment, AttachmentSource } from '../media/attachment.ts';
import { TEXT_BODY_BYTES } from '../media/body-bytes.ts';
import { bodyBytes } from '../plugins/json-body.ts';

/**
 * Routes that take images read long bodies; the text in them may be as long as that of other routes. What earlier turns of a
 * stored conversation show is in no body, and widens the bound by no more than such a conversation may have.
 * @throws ApiError BODY_TOO_LARGE.
 */
export function refuseLongText(request: FastifyRequest, attachments: readonly Attachment[]): void {
  const shown = attachments.reduce((sum, { source }) => sum + textOf(source).length, 0);
  if (bodyBytes(request) - shown <= TEXT_BODY_BYTES) return;
  throw new ApiError(
    API_ERRORS.BODY_TOO_LARGE,
    `The request body is too large: besides images and documents this route takes ${String(TEXT_BODY_BYTES / 1024 ** 2)} MiB.`,
  );
}

function textOf(source: AttachmentSource): string {
  return source.kind === 'url' ? source.url : source.data;
}
