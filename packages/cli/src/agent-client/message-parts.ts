import { type Attachment, isPdf } from './read-attachment.ts';

/** A part of a message, as OpenAI's clients send it. */
export type MessagePart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
  | {
      readonly type: 'file';
      readonly file: { readonly filename: string; readonly file_data: string; readonly pages?: string };
    };

/** What a user's message says and shows. */
export interface UserMessage {
  readonly content: string | readonly MessagePart[];
  /** Names of the files that are shown, which are the first parts of the content. */
  readonly files: readonly string[];
}

/** A user's message with the files before its text; `pages`, such as 1-3, are those of each document that has none of its own. */
export function userMessage(
  prompt: string,
  attachments: readonly Attachment[],
  pages: string | undefined,
): UserMessage {
  if (attachments.length === 0) return { content: prompt, files: [] };
  const parts = attachments.map((attachment) => shownPart(attachment, pages));
  return { content: [...parts, { type: 'text', text: prompt }], files: attachments.map(({ name }) => name) };
}

function shownPart(attachment: Attachment, usual: string | undefined): MessagePart {
  const { name, mediaType, content, pages = usual } = attachment;
  const url = `data:${mediaType};base64,${content.toString('base64')}`;
  if (!isPdf(attachment)) return { type: 'image_url', image_url: { url } };
  return {
    type: 'file',
    file: { filename: name, file_data: url, ...(pages === undefined ? {} : { pages }) },
  };
}
