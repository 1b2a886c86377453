import type { ShownBlock } from '@mlxfleet/protocol';
import type { Attachments } from '../../answering/attachments.ts';
import { PAGELESS_IMAGE, refusePages, unsupported } from '../../answering/media-refusals.ts';
import { joinContents, type MessageContent } from '../../answering/message-content.ts';
import type { AttachmentSource } from '../../media/attachment.ts';
import { invalidMedia } from '../../media/media-errors.ts';
import { urlScheme } from '../../media/url-scheme.ts';

type ImageBlock = Extract<ShownBlock, { type: 'image' }>;
type DocumentBlock = Extract<ShownBlock, { type: 'document' }>;

/**
 * A block of the user, or of what a tool gave, as templates take it.
 * @param param of the block.
 * @throws ApiError UNSUPPORTED_PARAMETER for a source that is kept elsewhere, for pages of what has none, and for
 *   citations; INVALID_MEDIA for a URL in the place of base64.
 */
export function shownBlock(block: ShownBlock, param: string, attachments: Attachments): MessageContent {
  if (block.type === 'text') return block.text;
  if (block.type === 'document') return documentContent(block, param, attachments);
  refusePages(block, param, PAGELESS_IMAGE);
  return attachments.add({ kind: 'image', source: imageSource(block, param), param });
}

function imageSource({ source }: ImageBlock, param: string): AttachmentSource {
  if (source.type === 'url') return { kind: 'url', url: source.url, instead: INLINE_IMAGE };
  if (source.type === 'base64') {
    const advice = "send {type: 'url', url} as the source, where the host sets images.allow_urls";
    return inlineSource(source, param, advice);
  }
  throw unsupported(
    `${param}.source`,
    "of type 'file' is not supported: this host keeps no files; send it as a source of type base64",
  );
}

/** Its title and its context are text for the model to read. */
function documentContent(block: DocumentBlock, param: string, attachments: Attachments): MessageContent {
  if (block.citations?.enabled === true) {
    throw unsupported(
      `${param}.citations`,
      'is not supported: answers do not say where in a document they are from',
    );
  }
  const heading = [block.title, block.context].filter((text) => text != null && text !== '').join('\n');
  const content = sourceContent(block, param, attachments);
  return heading === '' ? content : joinContents(heading, content, '\n');
}

function sourceContent(block: DocumentBlock, param: string, attachments: Attachments): MessageContent {
  const { source, pages, dpi } = block;
  switch (source.type) {
    case 'text':
      refusePages(block, param, 'is not supported: a plain text has no pages');
      return source.data;
    case 'base64':
      refusePages(source, `${param}.source`, 'is not supported here: it stands beside source');
      return attachments.addDocument({
        source: inlineSource(source, param, 'this host fetches no documents'),
        param,
        pages,
        dpi,
      });
    default:
      throw unsupported(
        `${param}.source`,
        `of type '${source.type}' is not supported: ${INSTEAD[source.type]}`,
      );
  }
}

/** What to send in the place of the URL of an image. */
const INLINE_IMAGE = "a source of type base64 ({type: 'base64', media_type: 'image/png', data})";

/** What to send in the place of a document that is not here. */
const INSTEAD = {
  url: 'this host fetches no documents; send a PDF as a source of type base64',
  file: 'this host keeps no files; send a PDF as a source of type base64',
  content:
    'send a PDF as a source of type base64, a plain text as one of type text, and blocks of a content as blocks of the message',
} as const;

/** @param urlAdvice what to do with a URL. */
function inlineSource(
  { data, media_type: mediaType }: { readonly data: string; readonly media_type: string },
  param: string,
  urlAdvice: string,
): AttachmentSource {
  const scheme = urlScheme(data)?.toLowerCase();
  if (scheme === undefined) return { kind: 'base64', data, mediaType };
  throw invalidMedia(
    `${param}.source.data`,
    scheme === 'data'
      ? "it takes the base64 alone: leave out the beginning of the data URL, up to ';base64,'"
      : `this is a URL, and data takes base64: ${urlAdvice}`,
  );
}
