import { type ImageDetail, parsePageRanges } from '@mlxfleet/protocol';
import type { Attachment } from '../media/attachment.ts';
import type { MessageContent } from './message-content.ts';

/** A document as requests have it: its pages are a text such as `1-3,5`, which has been validated. */
interface RequestedDocument extends Pick<Attachment, 'source' | 'param'> {
  readonly pages: string | null | undefined;
  readonly dpi: number | null | undefined;
}

/** The images and documents of a prompt, collected while its messages are put together. */
export class Attachments {
  readonly all: Attachment[] = [];

  /** Takes one in, and gives what stands for it in its message. */
  add(attachment: Pick<Attachment, 'kind' | 'source' | 'param'> & Partial<Attachment>): MessageContent {
    this.all.push({ detail: 'auto', pages: null, dpi: null, ...attachment });
    return [{ type: 'media', media: this.all.length - 1 }];
  }

  /** The same of a document. */
  addDocument({ source, param, pages, dpi }: RequestedDocument): MessageContent {
    return this.add({
      kind: 'pdf',
      source,
      param,
      pages: pages == null ? null : parsePageRanges(pages),
      dpi: dpi ?? null,
    });
  }
}

/** How closely an image is looked at: nothing more is known here than `high`, which is all that the host's limits leave of it. */
export function wantedDetail(detail: ImageDetail | null | undefined): Attachment['detail'] {
  return detail === 'original' ? 'high' : (detail ?? 'auto');
}
