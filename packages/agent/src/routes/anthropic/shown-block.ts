import type { ShownBlock } from '@mlxfleet/protocol';
import { ApiError } from '../../api-error.ts';
import type { Attachments } from '../../answering/attachments.ts';
import { unsupportedReference } from '../../answering/media-refusals.ts';
import { joinContents, type MessageContent } from '../../answering/message-content.ts';
import { API_ERRORS } from '../../errors.ts';
import type { AttachmentSource } from '../../media/attachment.ts';

type ImageBlock = Extract<ShownBlock, { type: 'image' }>;
type DocumentBlock = Extract<ShownBlock, { type: 'document' }>;

/**
 * A block of the user, or of what a tool gave, as templates take it.
 * @param param of the block.
 * @throws ApiError UNSUPPORTED_PARAMETER for a source that is kept elsewhere, and for citations.
 */
export function shownBlock(block: ShownBlock, param: string, attachments: Attachments): MessageContent {
  if (block.type === 'text') return block.text;
  if (block.type === 'document') return documentContent(block, param, attachments);
  return attachments.add({ kind: 'image', source: imageSource(block, param), param });
}

function imageSource({ source }: ImageBlock, param: string): AttachmentSource {
  switch (source.type) {
    case 'url':
      return { kind: 'url', url: source.url };
    case 'base64':
      return { kind: 'base64', data: source.data, mediaType: source.media_type };
    default:
      throw unsupportedReference(`${param}.source`);
  }
}

/** Its title and its context are text for the model to read. */
function documentContent(block: DocumentBlock, param: string, attachments: Attachments): MessageContent {
  if (block.citations?.enabled === true) {
    throw new ApiError(
      API_ERRORS.UNSUPPORTED_PARAMETER,
      `'${param}.citations' is not supported: answers do not say where in a document they are from.`,
      { param: `${param}.citations` },
    );
  }
  const heading = [block.title, block.context].filter((text) => text != null && text !== '').join('\n');
  const content = sourceContent(block, param, attachments);
  return heading === '' ? content : joinContents(heading, content, '\n');
}

function sourceContent(
  { source, pages, dpi }: DocumentBlock,
  param: string,
  attachments: Attachments,
): MessageContent {
  switch (source.type) {
    case 'text':
      return source.data;
    case 'base64':
      return attachments.addDocument({
        source: { kind: 'base64', data: source.data, mediaType: source.media_type },
        param,
        pages,
        dpi,
      });
    default:
      throw unsupportedReference(`${param}.source`);
  }
}
