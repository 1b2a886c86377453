import type { ResponseInputPart } from '@mlxfleet/protocol';
import { ApiError } from '../../../api-error.ts';
import { type Attachments, wantedDetail } from '../../../answering/attachments.ts';
import {
  misplacedMedia,
  PAGELESS_IMAGE,
  refusePages,
  refuseReferences,
} from '../../../answering/media-refusals.ts';
import type { MessageContent } from '../../../answering/message-content.ts';
import { API_ERRORS } from '../../../errors.ts';
import { fileSource } from '../file-source.ts';
import { joinParts } from '../join-parts.ts';

type Content = string | readonly ResponseInputPart[];

/**
 * The content of a message, or of what a call gave, in its order; parts of text that meet become one.
 * @param place of the content in the request.
 * @throws ApiError for a reference to a file that is kept elsewhere, and for an image or a file without data.
 */
export function shownContent(content: Content, place: string, attachments: Attachments): MessageContent {
  return joinParts(content, place, (part, param) => partContent(part, param, attachments));
}

/**
 * The text of a message that shows nothing.
 * @param role whose message it is, for the refusal.
 * @throws ApiError INVALID_VALUE for an image or a document.
 */
export function textContent(content: Content, place: string, role: string): string {
  if (typeof content === 'string') return content;
  return content
    .map((part, index) => {
      if (part.type === 'refusal') return part.refusal;
      if (part.type !== 'input_image' && part.type !== 'input_file') return part.text;
      throw misplacedMedia(`${place}.${String(index)}`, role);
    })
    .join('');
}

function partContent(part: ResponseInputPart, param: string, attachments: Attachments): MessageContent {
  switch (part.type) {
    case 'input_image': {
      refuseReferences(part, ['file_id'], param, 'image_url');
      refusePages(part, param, PAGELESS_IMAGE);
      const { image_url: url, detail } = part;
      if (url == null) {
        const field = `${param}.image_url`;
        throw new ApiError(API_ERRORS.MISSING_REQUIRED_PARAMETER, `'${field}' is required.`, {
          param: field,
        });
      }
      return attachments.add({
        kind: 'image',
        source: { kind: 'url', url },
        param,
        detail: wantedDetail(detail),
      });
    }
    case 'input_file': {
      refuseReferences(part, ['file_id', 'file_url'], param, 'file_data');
      const { file_data: data, pages, dpi } = part;
      const source = fileSource(data, `${param}.file_data`);
      return attachments.addDocument({ source, param, pages, dpi });
    }
    case 'refusal':
      return part.refusal;
    default:
      return part.text;
  }
}
