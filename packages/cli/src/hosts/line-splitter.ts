import { StringDecoder } from 'node:string_decoder';

/** A line is passed on in pieces of this many characters, so that one without an end does not grow for ever: 1 Mi. */
export const LONGEST_LINE = 1024 * 1024;

/** Cuts a byte stream into lines of text. */
export class LineSplitter {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  #rest = '';

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  write(chunk: Buffer): void {
    const lines = (this.#rest + this.#decoder.write(chunk)).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) this.#pass(line);
    while (this.#rest.length > LONGEST_LINE) {
      this.#onLine(this.#rest.slice(0, LONGEST_LINE));
      this.#rest = this.#rest.slice(LONGEST_LINE);
    }
  }

  /** Passes on a last line without a line feed. */
  end(): void {
    const last = this.#rest + this.#decoder.end();
    this.#rest = '';
    if (last !== '') this.#pass(last);
  }

  #pass(line: string): void {
    let from = 0;
    for (; line.length - from > LONGEST_LINE; from += LONGEST_LINE) {
      this.#onLine(line.slice(from, from + LONGEST_LINE));
    }
    this.#onLine(from === 0 ? line : line.slice(from));
  }
}
