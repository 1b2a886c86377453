import { encodePdf } from './picture-pdf.ts';
import { encodePng, type Picture } from './picture.ts';

/** What a message shows and says, as the chat API takes it. */
export type MessageContent = string | readonly ContentPart[];

export type ContentPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'image_url'; readonly image_url: { readonly url: string } }
  | { readonly type: 'file'; readonly file: { readonly file_data: string; readonly filename: string } };

export const textPart = (text: string): ContentPart => ({ type: 'text', text });

/** The picture as a PNG in a data URL. */
export const imagePart = (picture: Picture): ContentPart => ({
  type: 'image_url',
  image_url: { url: dataUrl('image/png', encodePng(picture)) },
});

/** One document with a picture a page, as large as the picture where it is drawn with `dpi` dots per inch. */
export const documentPart = (pictures: readonly Picture[], dpi: number): ContentPart => ({
  type: 'file',
  file: { file_data: dataUrl('application/pdf', encodePdf(pictures, dpi)), filename: 'pages.pdf' },
});

const dataUrl = (type: string, content: Buffer): string =>
  `data:${type};base64,${content.toString('base64')}`;
