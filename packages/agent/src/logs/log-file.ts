import { closeSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs';

const LARGEST_BYTES = 10 * 1024 * 1024;
const LINES_KEPT = 40;
const LONGEST_KEPT_LINE = 500;

/**
 * The output of a worker: in a file that is turned over to `<file>.1` when it has grown large, and its last lines in
 * memory for error messages. Writing is synchronous, so nothing piles up when a worker talks faster than the disk.
 */
export class LogFile {
  readonly #file: string;
  readonly #largest: number;
  #descriptor: number | null = null;
  #size = 0;
  #partial = '';
  #lines: string[] = [];
  /** How many of the kept lines are of the current process. */
  #ownLines = 0;

  constructor(file: string, largestBytes = LARGEST_BYTES) {
    this.#file = file;
    this.#largest = largestBytes;
  }

  /** Never throws: a full disk must not take the agent down. */
  append(text: string): void {
    this.#keep(text);
    try {
      if (this.#descriptor === null) {
        this.#descriptor = openSync(this.#file, 'a', 0o600);
        this.#size = fstatSync(this.#descriptor).size;
      }
      this.#size += writeSync(this.#descriptor, text);
      if (this.#size > this.#largest) {
        this.close();
        renameSync(this.#file, `${this.#file}.1`);
      }
    } catch {
      this.close();
    }
  }

  /** From here on the output is that of another process. */
  beginProcess(): void {
    this.#keep('\n');
    this.#ownLines = 0;
  }

  /** The last lines, oldest first, without empty ones; those of earlier processes too. */
  lastLines(count: number): string[] {
    return this.#allLines().slice(-count);
  }

  /** The last lines of the current process. */
  lastWords(count: number): string[] {
    const lines = this.#allLines();
    const earlier = this.#lines.length - this.#ownLines;
    return lines.slice(Math.max(earlier, lines.length - count));
  }

  close(): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }

  #allLines(): string[] {
    return this.#partial.trim() === '' ? this.#lines : [...this.#lines, this.#partial];
  }

  #keep(text: string): void {
    const lines = (this.#partial + text).split('\n');
    this.#partial = (lines.pop() ?? '').slice(0, LONGEST_KEPT_LINE);
    for (const line of lines) {
      if (line.trim() === '') continue;
      this.#lines.push(line.slice(0, LONGEST_KEPT_LINE));
      this.#ownLines += 1;
    }
    this.#lines = this.#lines.slice(-LINES_KEPT);
    this.#ownLines = Math.min(this.#ownLines, LINES_KEPT);
  }
}
