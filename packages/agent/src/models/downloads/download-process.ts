import { type ChildProcessByStdio, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import type { WorkerCommand } from '../../workers/worker-process.ts';
import { DownloadFailure, isFailureReason } from './download-failure.ts';

export interface DownloadProgress {
  /** Of the model's files, what is in the cache by now. */
  readonly bytes: number;
  /** Null where the hub does not say. */
  readonly totalBytes: number | null;
}

/** A line that is longer says nothing that is wanted here. */
const LONGEST_LINE = 4096;

/** One running mlxfleet_worker.download. Its promises reject with a DownloadFailure, and need not be waited for. */
export class DownloadProcess {
  /** Resolves when the hub has said that it has the model. Rejects as `done` does. */
  readonly found: Promise<void>;
  /** Resolves when the model is in the cache. */
  readonly done: Promise<void>;
  readonly #child: ChildProcessByStdio<Writable, Readable, null>;
  readonly #timer: NodeJS.Timeout;
  readonly #found = Promise.withResolvers<void>();
  readonly #done = Promise.withResolvers<void>();
  #failure: DownloadFailure | null = null;
  #partial = '';
  #bytes = 0;
  #totalBytes: number | null = null;

  /** @param lookUpMs how long the hub may take to say whether it has the model. */
  constructor({ python, source, environment }: WorkerCommand, id: string, lookUpMs: number) {
    this.found = this.#found.promise;
    this.done = this.#done.promise;
    for (const promise of [this.found, this.done]) promise.catch(() => {});
    // -P: modules come from the release, not from the folder that it runs in.
    this.#child = spawn(python, ['-u', '-P', '-m', 'mlxfleet_worker.download', id], {
      cwd: '/',
      env: { ...process.env, ...environment, PYTHONPATH: source, HF_HUB_DISABLE_TELEMETRY: '1' },
      // It ends when stdin does, so it never outlives the agent.
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    this.#timer = setTimeout(() => {
      this.kill(new DownloadFailure('unreachable', 'the hub could not be reached'));
    }, lookUpMs);
    this.#listen();
  }

  get progress(): DownloadProgress {
    const bytes = this.#totalBytes === null ? this.#bytes : Math.min(this.#bytes, this.#totalBytes);
    return { bytes, totalBytes: this.#totalBytes };
  }

  /** Ends it; what is there of the model is taken up by the next. */
  kill(failure: DownloadFailure): void {
    this.#failure ??= failure;
    this.#child.kill('SIGKILL');
  }

  #listen(): void {
    const child = this.#child;
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      const lines = (this.#partial + text).split('\n');
      this.#partial = (lines.pop() ?? '').slice(0, LONGEST_LINE);
      for (const line of lines) this.#onEvent(parse(line));
    });
    child.once('error', () => {
      this.#failure = new DownloadFailure(
        'failed',
        'the hub could not be asked: the worker environment is missing',
      );
      this.#end(null);
    });
    child.once('close', (code) => {
      this.#end(code);
    });
  }

  #onEvent({ event, ...fields }: Readonly<Record<string, unknown>>): void {
    const number = (name: string): number => Math.max(0, Math.floor(Number(fields[name]) || 0));
    if (event === 'found') {
      clearTimeout(this.#timer);
      this.#totalBytes = number('total_bytes') || null;
      this.#found.resolve();
    } else if (event === 'progress') {
      this.#bytes = number('bytes');
    } else if (event === 'failed' && typeof fields['message'] === 'string') {
      const { reason, message } = fields;
      this.#failure ??= new DownloadFailure(isFailureReason(reason) ? reason : 'failed', message);
    }
  }

  #end(code: number | null): void {
    clearTimeout(this.#timer);
    if (code === 0 && this.#failure === null) {
      this.#found.resolve();
      this.#done.resolve();
      return;
    }
    const failure =
      this.#failure ?? new DownloadFailure('failed', 'the download ended before it was complete');
    this.#found.reject(failure);
    this.#done.reject(failure);
  }
}

/** One event of the program; an empty one for a line that is none. */
function parse(line: string): Readonly<Record<string, unknown>> {
  try {
    const event: unknown = JSON.parse(line);
    return typeof event === 'object' && event !== null ? { ...event } : {};
  } catch {
    return {};
  }
}
