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

/**
 * Place of the quote that ends a string which begins at `start`, or the end. Strings may have megabytes: quotes are looked
 * for by the platform, which is many times faster than this program.
 */
function closingQuote(json: Uint8Array, start: number): number {
  for (let index = json.indexOf(QUOTE, start); index !== -1; index = json.indexOf(QUOTE, index + 1)) {
    let escapes = index;
    while (escapes > start && json[escapes - 1] === BACKSLASH) escapes -= 1;
    // An even number of backslashes stands for half as many, and the quote for itself.
    if ((index - escapes) % 2 === 0) return index;
  }
  return json.length;
}
