import type { Writable } from 'node:stream';
import type { ProgressEvent } from '@mlxfleet/protocol';
import { type Paint, painter, wantsColour } from './colours.ts';
import { plainText } from './plain-text.ts';

/** The parts of a process's stream that printing needs. */
export type OutputStream = Writable & { readonly isTTY?: boolean; readonly columns?: number };

export interface OutputOptions {
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** `--json`: stdout carries one document and nothing else. */
  readonly json: boolean;
  /** `--no-color`. */
  readonly noColour: boolean;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** Each kind of event without the time, which is that of its printing. */
type EventWithoutTime = ProgressEvent extends infer Event
  ? Event extends ProgressEvent
    ? Omit<Event, 'time'>
    : never
  : never;

/** What redraws itself on the terminal. */
export interface Drawing {
  /** Clears what was drawn and draws no more. */
  pause(): void;
  resume(): void;
}

const COLUMNS_OF_UNKNOWN_TERMINAL = 80;

/**
 * The only way to a person's screen. Results go to stdout, everything else to stderr; a reader that went away (EPIPE)
 * ends nothing but the printing, so that `mlxfleet deploy | head` deploys.
 */
export class Output {
  readonly json: boolean;
  readonly stdout: OutputStream;
  readonly stderr: OutputStream;
  /** For text on stdout. */
  readonly paint: Paint;
  /** For text on stderr. */
  readonly paintError: Paint;
  readonly #closed = new AbortController();
  #drawing: Drawing | null = null;
  #hasEvents = false;

  constructor(options: OutputOptions) {
    this.json = options.json;
    this.stdout = options.stdout;
    this.stderr = options.stderr;
    const { env, noColour: refused } = options;
    this.paint = painter(wantsColour({ isTerminal: this.isTerminal, refused, env }));
    this.paintError = painter(wantsColour({ isTerminal: this.stderr.isTTY === true, refused, env }));
    this.stdout.on('error', (error) => this.#onError(error));
    this.stderr.on('error', (error) => this.#onError(error));
  }

  #onError(error: Error): void {
    if ('code' in error && error.code === 'EPIPE') this.#closed.abort();
    else throw error;
  }

  /** Whether a person looks at stdout. */
  get isTerminal(): boolean {
    return this.stdout.isTTY === true;
  }

  /** Cells in a line of the terminal; 80 where that is unknown. */
  get columns(): number {
    return this.stdout.columns ?? COLUMNS_OF_UNKNOWN_TERMINAL;
  }

  /** Aborted once nobody reads any more: what only prints may stop then. */
  get closed(): AbortSignal {
    return this.#closed.signal;
  }

  /** One or more lines of a command's result. */
  print(text: string): void {
    this.write(`${text}\n`);
  }

  /** Part of a command's result, as it is. */
  write(text: string): void {
    if (!this.closed.aborted) this.stdout.write(text);
  }

  /** With `--json`: from now on stderr carries events, one JSON object a line, and notices are some of them. */
  startEvents(): void {
    this.#hasEvents = this.json;
  }

  /** An event of now. */
  event(event: EventWithoutTime): void {
    const { event: kind, ...rest } = event;
    this.#tell(JSON.stringify({ event: kind, time: new Date().toISOString(), ...rest }));
  }

  /** A line for the person beside the result. */
  notice(text: string): void {
    if (this.#hasEvents) this.event({ event: 'notice', host: null, text: plainText(text).trim() });
    else this.#tell(text);
  }

  #tell(text: string): void {
    if (!this.closed.aborted || this.stderr !== this.stdout) this.stderr.write(`${text}\n`);
  }

  /** Something that redraws itself from now on; null when it has ended. */
  set drawing(drawing: Drawing | null) {
    this.#drawing = drawing;
  }

  /** Takes away what redraws itself, so that a question can stand there. Answers how to bring it back. */
  standAside(): () => void {
    const drawing = this.#drawing;
    drawing?.pause();
    return () => drawing?.resume();
  }

  /** The one document of `--json`. */
  document(value: object): void {
    this.print(JSON.stringify(value, null, 2));
  }
}
