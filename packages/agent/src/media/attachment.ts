import type { Media } from '@mlxfleet/protocol';

/** Where the bytes of an attachment are. */
export type AttachmentSource =
  /**
   * A data URL, or an http(s) URL. `instead` is what the API of the request takes where the host fetches none; a data URL
   * when absent.
   */
  | { readonly kind: 'url'; readonly url: string; readonly instead?: string }
  /** `mediaType` as the request says it; null where it says none. */
  | { readonly kind: 'base64'; readonly data: string; readonly mediaType: string | null };

/** An image or a document as a request gives it: nobody has looked at it yet. */
export interface Attachment extends Pick<Media, 'kind' | 'param' | 'detail' | 'pages' | 'dpi'> {
  readonly source: AttachmentSource;
}
