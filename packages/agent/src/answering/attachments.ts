import type { Attachment } from '../media/attachment.ts';
import type { MessageContent } from './message-content.ts';

/** The images and documents of a prompt, collected while its messages are put together. */
export class Attachments {
  readonly all: Attachment[] = [];

  /** Takes one in, and gives what stands for it in its message. */
  add(attachment: Pick<Attachment, 'kind' | 'source' | 'param'> & Partial<Attachment>): MessageContent {
    this.all.push({ detail: 'auto', pages: null, dpi: null, ...attachment });
    return [{ type: 'media', media: this.all.length - 1 }];
  }
}
