import { StringDecoder } from 'node:string_decoder';

/** Longest line that a worker may send, in UTF-16 units: LONGEST_FRAME in its replies.py, which sends none that is longer. */
const LONGEST_LINE = 16 * 1024 * 1024;

/** Cuts a byte stream into lines. Lines may be split anywhere, within a character too. */
export class FrameLines {
  readonly #decoder = new StringDecoder('utf8');
  readonly #onLine: (line: string) => void;
  readonly #onOverflow: () => void;
  readonly #longest: number;
  #rest = '';

  constructor(onLine: (line: string) => void, onOverflow: () => void, longest = LONGEST_LINE) {
    this.#onLine = onLine;
    this.#onOverflow = onOverflow;
    this.#longest = longest;
  }

  push(bytes: Buffer): void {
    const text = this.#decoder.write(bytes);
    let start = 0;
    let end = text.indexOf('\n');
    while (end !== -1) {
      const line = this.#rest + text.slice(start, end);
      this.#rest = '';
      if (line.length > this.#longest) {
        this.#onOverflow();
        return;
      }
      if (line !== '') this.#onLine(line);
      start = end + 1;
      end = text.indexOf('\n', start);
    }
    this.#rest += text.slice(start);
    if (this.#rest.length > this.#longest) {
      this.#rest = '';
      this.#onOverflow();
    }
  }
}
