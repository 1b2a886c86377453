/** What `/image` names. */
export interface NamedFile {
  /** Empty without one. */
  readonly file: string;
  /** Of a document, such as 1-3; null for all, or those of `--pages`. */
  readonly pages: string | null;
}

/** Behind the name of a file: what looks like pages is a part of the name unless that is in quotes or ends in .pdf. */
const WITH_PAGES = /^(".*"|'.*'|.*\.pdf)\s+(\d[\d,-]*)$/is;

/**
 * The file that a line of a conversation asks to attach: `/image FILE [PAGES]`, with the file as it is typed or as terminals
 * write one that is dropped on them, with quotes around it or backslashes before spaces. Null for every other line.
 */
export function imageCommand(line: string): NamedFile | null {
  const [, rest] = /^\/image(?:\s+(.*))?$/s.exec(line.trim()) ?? [null, null];
  if (rest === null) return null;
  const [, named, pages] = WITH_PAGES.exec(rest ?? '') ?? [];
  return { file: unquoted(named ?? rest ?? ''), pages: pages ?? null };
}

/** The name of a file as a person or a terminal writes it. */
export function unquoted(text: string): string {
  const [, , quoted] = /^(["'])(.*)\1$/s.exec(text) ?? [];
  return quoted ?? text.replaceAll(/\\(.)/gs, '$1');
}
