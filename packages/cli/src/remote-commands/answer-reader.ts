import type { RemoteScript } from './script.ts';

/** What of a script's output is its answer. Everything outside the sentinels is noise of profiles and banners. */
export class AnswerReader {
  /** Exit code that the script gave itself; null as long as it has not ended. */
  exitCode: number | null = null;
  readonly #script: RemoteScript;
  readonly #onLine: (line: string) => void;
  #begun = false;
  #pendingBlank = false;

  constructor(script: RemoteScript, onLine: (line: string) => void) {
    this.#script = script;
    this.#onLine = onLine;
  }

  /** Takes one line of stdout, without its line feed. */
  take(line: string): void {
    if (this.exitCode !== null) return;
    if (!this.#begun) {
      this.#begun = line === this.#script.beginSentinel;
      return;
    }
    if (line.startsWith(`${this.#script.endSentinel} `)) {
      this.exitCode = Number(line.slice(this.#script.endSentinel.length + 1));
      return;
    }
    // The end sentinel brings a line feed of its own, in case the line before it had none.
    if (this.#pendingBlank) this.#onLine('');
    this.#pendingBlank = line === '';
    if (!this.#pendingBlank) this.#onLine(line);
  }
}
