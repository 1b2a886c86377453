import type { ContentPart } from '@mlxfleet/protocol';
import { type Attachments, wantedDetail } from '../../../answering/attachments.ts';
import {
  misplacedMedia,
  PAGELESS_IMAGE,
  refusePages,
  refuseReferences,
  unsupported,
} from '../../../answering/media-refusals.ts';
import type { MessageContent } from '../../../answering/message-content.ts';
import { fileSource } from '../file-source.ts';
import { joinParts } from '../join-parts.ts';

type Content = string | readonly ContentPart[];

/**
 * The content of a message that may show something, in its order; parts of text that meet become one.
 * @param place of the content in the request.
 * @throws ApiError for a reference to a file that is kept elsewhere, and for a file without data.
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
    .map((part, position) => {
      if (part.type === 'text') return part.text;
      throw misplacedMedia(`${place}.${String(position)}`, role);
    })
    .join('');
}

function partContent(part: ContentPart, param: string, attachments: Attachments): MessageContent {
  if (part.type === 'text') return part.text;
  if (part.type === 'image_url') {
    const image = typeof part.image_url === 'string' ? { url: part.image_url } : part.image_url;
    const { url, detail } = image;
    refusePages(part, param, PAGELESS_IMAGE);
    if (part['detail'] != null) {
      throw unsupported(
        `${param}.detail`,
        'is not supported here: it stands inside image_url, as {url, detail}',
      );
    }
    refusePages(image, `${param}.image_url`, PAGELESS_IMAGE);
    return attachments.add({
      kind: 'image',
      source: { kind: 'url', url },
      param,
      detail: wantedDetail(detail),
    });
  }
  const { file_data: data, pages, dpi } = part.file;
  refuseReferences(part.file, ['file_id', 'file_url'], `${param}.file`, 'file_data');
  refusePages(part, param, 'is not supported here: it stands beside file_data');
  const source = fileSource(data, `${param}.file.file_data`);
  return attachments.addDocument({ source, param, pages, dpi });
}
