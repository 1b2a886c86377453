/** What is looked at of a text: it may have megabytes. */
const LONGEST_SCHEME = 64;

/** The scheme that a text begins with, as a URL does; null for one without, which base64 is. */
export function urlScheme(text: string): string | null {
  return /^\s*([a-z][a-z\d+.-]*):/i.exec(text.slice(0, LONGEST_SCHEME))?.[1] ?? null;
}
