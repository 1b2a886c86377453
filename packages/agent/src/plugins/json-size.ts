/** What a JSON text holds, counted without reading it: what it would cost to read and to check goes by these. */
export interface JsonSize {
  /** Members of lists and objects that are numbers. */
  readonly numbers: number;
  /** All other members. */
  readonly others: number;
  /** Lists and objects inside one another. */
  readonly levels: number;
}

const QUOTE = 0x22;
const COMMA = 0x2c;
const COLON = 0x3a;
const OPENING_BRACKET = 0x5b;
const BACKSLASH = 0x5c;
const CLOSING_BRACKET = 0x5d;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;

/**
 * Counts what a JSON text holds, up to `most`: a text that has more is given up on. One that is no JSON has some size or
 * other.
 */
export function jsonSize(json: Uint8Array, most: JsonSize): JsonSize {
  let numbers = 0;
  let others = 0;
  let level = 0;
  let levels = 0;
  // A member begins behind what opens a list or an object, and behind a comma; the name in front of a colon is none.
  let isMember = true;
  for (let index = 0; index < json.length; index += 1) {
    const byte = json[index];
    switch (byte) {
      case QUOTE:
        index = closingQuote(json, index + 1);
        if (isMember) others += 1;
        isMember = false;
        break;
      case OPENING_BRACKET:
      case OPENING_BRACE:
        level += 1;
        if (level > levels) levels = level;
        others += 1;
        isMember = true;
        break;
      case CLOSING_BRACKET:
      case CLOSING_BRACE:
        level -= 1;
        isMember = false;
        break;
      case COLON:
        others -= 1;
        isMember = true;
        break;
      case COMMA:
        isMember = true;
        break;
      default:
        if (!isMember || byte === undefined || byte <= 0x20) break;
        if (byte === MINUS || (byte >= ZERO && byte <= NINE)) numbers += 1;
        else others += 1;
        isMember = false;
    }
    if (numbers > most.numbers || others > most.others || levels > most.levels) break;
  }
  return { numbers, others, levels };
}

/** Bytes of a string that are looked at one by one, before the platform is asked where it may end. */
const STRIDE = 4096;

/**
 * Place of the quote that ends a string which begins at `start`, or the end. Images are strings of megabytes, in which the
 * platform finds a quote many times faster than this program; asked for each of many quotes it would be slower.
 */
export function closingQuote(json: Uint8Array, start: number): number {
  let from = start;
  while (from < json.length) {
    const end = Math.min(from + STRIDE, json.length);
    for (; from < end; from += 1) {
      if (json[from] === QUOTE) return from;
      if (json[from] === BACKSLASH) from += 1;
    }
    const quote = json.indexOf(QUOTE, from);
    if (quote === -1) break;
    let escapes = quote;
    while (escapes > from && json[escapes - 1] === BACKSLASH) escapes -= 1;
    // An even number of backslashes stands for half as many, and the quote for itself.
    if ((quote - escapes) % 2 === 0) return quote;
    from = quote + 1;
  }
  return json.length;
}
