import { isAscii } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import { closingQuote } from './json-size.ts';

/** A JSON text from which the files among its strings have been cut out. */
export interface CutJson {
  readonly text: string;
  /** Puts the files into the value that the text was parsed to; objects and lists are changed where they are. */
  readonly putBack: (value: unknown) => unknown;
}

/** Strings from this length on may be files; below it nothing would be gained. */
const FILE_BYTES = 64 * 1024;
/** So much of a string tells whether it is a file. */
const HEAD_BYTES = 256;
/** What base64 and data URLs are made of, and texts of people are not: they have blanks. */
const FILE_HEAD = /^[\w+/=:;,.-]+$/;
/** What stands behind the name of a field. */
const BEHIND_NAME = /^\s*:/;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/** Where the content of a string stands: behind its opening quote, up to the closing one. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/**
 * Cuts strings that are files of megabytes out of a JSON text that is about to be parsed. With images of 50 MB in it, the
 * agent would stand still for a quarter of a second, and need twice the memory where anything in it is not ASCII; a file by
 * itself is copied once. A line break in a file, which JSON forbids, is not found.
 * @param json UTF-8.
 */
export function cutFiles(json: Buffer): CutJson {
  const spans = json.length < FILE_BYTES ? [] : fileSpans(json);
  if (spans.length === 0) return { text: json.toString('utf8'), putBack: (value) => value };
  // Nobody can guess it, so that no client's own text is taken for one that was cut out.
  const mark = `cut-out-${randomBytes(16).toString('hex')}-`;
  let text = '';
  let from = 0;
  for (const [index, { start, end }] of spans.entries()) {
    text += json.toString('utf8', from, start) + mark + String(index);
    from = end;
  }
  const restore = (cut: string): string => {
    const span = cut.startsWith(mark) ? spans[Number(cut.slice(mark.length))] : undefined;
    return span === undefined ? cut : json.toString('latin1', span.start, span.end);
  };
  return { text: text + json.toString('utf8', from), putBack: (value) => restored(value, restore) };
}

/** Long strings of ASCII without escapes, which therefore are what their bytes say. Names of fields are none. */
function fileSpans(json: Buffer): Span[] {
  const spans: Span[] = [];
  let quote = json.indexOf(QUOTE);
  while (quote !== -1) {
    const start = quote + 1;
    const end = closingQuote(json, start);
    if (end - start >= FILE_BYTES && end < json.length && isFile(json, start, end)) {
      spans.push({ start, end });
    }
    quote = json.indexOf(QUOTE, end + 1);
  }
  return spans;
}

function isFile(json: Buffer, start: number, end: number): boolean {
  if (!FILE_HEAD.test(json.toString('latin1', start, start + HEAD_BYTES))) return false;
  if (BEHIND_NAME.test(json.toString('latin1', end + 1, end + 1 + HEAD_BYTES))) return false;
  const content = json.subarray(start, end);
  return isAscii(content) && !content.includes(BACKSLASH);
}

function restored(value: unknown, restore: (cut: string) => string): unknown {
  if (typeof value === 'string') return restore(value);
  if (typeof value !== 'object' || value === null) return value;
  for (const [name, member] of Object.entries(value)) {
    const whole = restored(member, restore);
    if (whole !== member) Object.assign(value, { [name]: whole });
  }
  return value;
}
