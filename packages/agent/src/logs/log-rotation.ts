import { constants, copyFileSync, fstatSync, ftruncateSync, statSync } from 'node:fs';

/**
 * Bounds a log file that somebody else opened for this process. The supervisor hands the agent `logs/agent.log` as
 * stdout and stderr, where the last words of a crash go too, so the file cannot be renamed under it: a copy becomes
 * `<file>.1` and the file itself is emptied. That is safe since every writer appends, and nobody but this process
 * writes; `tail -F` follows it.
 */
export class LogRotation {
  readonly #descriptor: number;
  readonly #file: string;
  readonly #largest: number;
  #size = 0;

  constructor(descriptor: number, file: string, largestBytes: number) {
    this.#descriptor = descriptor;
    this.#file = file;
    this.#largest = largestBytes;
    if (this.#isOurs()) this.#size = fstatSync(descriptor).size;
  }

  /** To be called after each write. Never throws. */
  wrote(bytes: number): void {
    this.#size += bytes;
    if (this.#size <= this.#largest) return;
    this.#size = 0;
    // A terminal, a pipe, or a file that somebody moved away: its size is its owner's affair.
    if (this.#isOurs()) this.#turnOver();
  }

  #turnOver(): void {
    try {
      copyFileSync(this.#file, `${this.#file}.1`, constants.COPYFILE_FICLONE);
    } catch {
      // A full disk. The old lines are lost then, since the file must not grow.
    }
    try {
      ftruncateSync(this.#descriptor, 0);
    } catch {
      // Tried again when as much has been written once more.
    }
  }

  /** Whether the descriptor is the very file. */
  #isOurs(): boolean {
    try {
      const opened = fstatSync(this.#descriptor, { bigint: true });
      const named = statSync(this.#file, { bigint: true });
      return opened.isFile() && opened.ino === named.ino && opened.dev === named.dev;
    } catch {
      return false;
    }
  }
}
