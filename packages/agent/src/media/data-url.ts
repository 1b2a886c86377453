/** A data URL in its parts, as RFC 2397 has them. */
export interface DataUrl {
  /** Lower case; empty where the URL says none. */
  readonly mediaType: string;
  readonly isBase64: boolean;
  /** Everything behind the comma. */
  readonly data: string;
}

/** Type and parameters: a file's name may be among them. */
const LONGEST_HEAD = 1024;

/**
 * The parts of a data URL; null for a text that is none. Of the text only the head is looked at, and its data is not
 * copied: it has megabytes.
 */
export function parseDataUrl(url: string): DataUrl | null {
  const [head, mediaType = '', parameters = ''] =
    /^\s*data:([^,;]*)((?:;[^,;]*)*),/i.exec(url.slice(0, LONGEST_HEAD)) ?? [];
  if (head === undefined) return null;
  return {
    mediaType: mediaType.trim().toLowerCase(),
    isBase64: /;\s*base64\s*$/i.test(parameters),
    data: url.slice(head.length),
  };
}
