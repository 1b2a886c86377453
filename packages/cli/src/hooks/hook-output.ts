/** Lines of a hook that a person is shown while it runs. */
const SHOWN_LINES = 200;

/** Lines at the end that an error repeats. */
const LAST_LINES = 20;

/** Characters of a line that are kept. */
const LONGEST_LINE = 1000;

/** What a hook says: its first lines go to a person at once, its last ones are kept for an error. */
export class HookOutput {
  /** At most the last 20 lines, without empty ones. */
  readonly last: string[] = [];
  readonly #show: (line: string) => void;
  #count = 0;

  constructor(show: (line: string) => void) {
    this.#show = show;
  }

  add(text: string): void {
    if (text.trim() === '') return;
    const line = text.length > LONGEST_LINE ? `${text.slice(0, LONGEST_LINE)}…` : text;
    this.#count += 1;
    if (this.#count <= SHOWN_LINES) this.#show(line);
    this.last.push(line);
    if (this.last.length > LAST_LINES) this.last.shift();
  }

  /** The hook has ended: says how many lines were not shown. */
  end(): void {
    const left = this.#count - SHOWN_LINES;
    if (left > 0) this.#show(`${String(left)} more lines are left out`);
    this.#count = 0;
  }
}
