import type { Readable, Writable } from 'node:stream';
import type { RunOptions, ScriptResult } from './host.ts';
import { LineSplitter } from './line-splitter.ts';

/** How long a script whose stdin has ended may take to put things back, before its session is cut: 2 minutes. */
const UNDO_GRACE_MS = 120_000;

/** Output kept in memory for error messages; a script that follows logs for days must not grow the process. */
const KEPT_CHARACTERS = 1_000_000;

/** One running script, whatever carries it. */
export interface ScriptProcess {
  readonly stdin: Writable;
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Resolves when the process has ended and its output is complete; null when it was ended by a signal. */
  readonly ended: Promise<number | null>;
  /** Ends it at once. */
  kill(): void;
}

/**
 * Feeds a script to a shell and collects what it says: the part of the Host contract that every transport shares.
 * An abort ends stdin, which a script with `holdStdin` takes as the order to undo; only then, or after two minutes, the
 * promise rejects with the signal's reason. Without `holdStdin` there is nothing to tell the script, and it is cut off.
 */
export async function runScriptSession(
  process: ScriptProcess,
  script: string,
  options: RunOptions,
): Promise<ScriptResult> {
  const { signal } = options;
  const say = (line: string): void => {
    process.stdin.write(`${line}\n`);
  };
  const stdout = new Collector((line) => options.onLine?.(line, say));
  const stderr = new Collector(options.onErrorLine);
  process.stdout.on('data', (chunk: Buffer) => stdout.write(chunk));
  process.stderr.on('data', (chunk: Buffer) => stderr.write(chunk));
  // The shell may end before it has read everything; that shows in its exit code.
  process.stdin.on('error', () => undefined);
  process.stdin.write(script);
  if (options.holdStdin !== true) process.stdin.end();

  let grace: NodeJS.Timeout | undefined;
  const abort = (): void => {
    process.stdin.end();
    if (options.holdStdin === true) grace = setTimeout(() => process.kill(), UNDO_GRACE_MS);
    else process.kill();
  };
  if (signal?.aborted === true) abort();
  else signal?.addEventListener('abort', abort, { once: true });
  try {
    const exitCode = await process.ended;
    stdout.end();
    stderr.end();
    signal?.throwIfAborted();
    return { exitCode, stdout: stdout.text, stderr: stderr.text };
  } finally {
    clearTimeout(grace);
    signal?.removeEventListener('abort', abort);
    process.stdin.end();
  }
}

class Collector {
  text = '';
  readonly #lines: LineSplitter;

  constructor(onLine: ((line: string) => void) | undefined) {
    this.#lines = new LineSplitter((line) => {
      this.text += `${line}\n`;
      if (this.text.length > 2 * KEPT_CHARACTERS) this.text = this.text.slice(-KEPT_CHARACTERS);
      onLine?.(line);
    });
  }

  write(chunk: Buffer): void {
    this.#lines.write(chunk);
  }

  end(): void {
    this.#lines.end();
  }
}
