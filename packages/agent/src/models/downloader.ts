import { spawn } from 'node:child_process';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { WorkerCommand } from '../workers/worker-process.ts';

/** How long a hub may take to say whether it has the model. A request waits for this. */
const LOOK_UP_MS = 9000;
/** A failed look-up is not repeated for so long: clients retry, and every look-up is a Python process. */
const REMEMBER_FAILURE_MS = 10_000;
const MOST_AT_ONCE = 2;

interface Failure {
  readonly message: string;
  readonly until: number;
}

/** Fetches models from the hub, each in a process of its own so that nothing else waits for it. */
export class Downloader {
  readonly #command: WorkerCommand;
  readonly #log: Logger;
  readonly #offline: boolean;
  readonly #lookUpMs: number;
  readonly #running = new Map<string, { readonly promise: Promise<void>; readonly kill: () => void }>();
  readonly #failures = new Map<string, Failure>();

  constructor(command: WorkerCommand, log: Logger, offline: boolean, lookUpMs = LOOK_UP_MS) {
    this.#lookUpMs = lookUpMs;
    this.#command = command;
    this.#log = log;
    this.#offline = offline;
  }

  /**
   * Resolves when the model is in the cache. Callers of one id share one download.
   * @throws ApiError MODEL_NOT_FOUND or DOWNLOADS_BUSY.
   */
  async download(id: string): Promise<void> {
    if (this.#offline) throw notFound(id, 'the hub may not be asked (HF_HUB_OFFLINE is set)');
    const running = this.#running.get(id);
    if (running !== undefined) return await running.promise;
    const failure = this.#failures.get(id);
    if (failure !== undefined && failure.until > performance.now()) throw notFound(id, failure.message);
    this.#failures.delete(id);
    if (this.#running.size >= MOST_AT_ONCE) {
      throw new ApiError(
        API_ERRORS.DOWNLOADS_BUSY,
        `The model '${id}' is not on this host, and ${String(MOST_AT_ONCE)} others are being looked up or downloaded.`,
        { param: 'model', retryAfter: 10 },
      );
    }
    const download = this.#spawn(id);
    this.#running.set(id, download);
    try {
      await download.promise;
    } finally {
      this.#running.delete(id);
    }
  }

  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  /** Ends every download; what is there of them is taken up by the next. */
  stop(): void {
    for (const { kill } of this.#running.values()) kill();
  }

  #spawn(id: string): { promise: Promise<void>; kill: () => void } {
    const { python, source, environment } = this.#command;
    this.#log.info({ model: id }, 'asking the hub for a model');
    const child = spawn(python, ['-u', '-m', 'mlxfleet_worker.download', id], {
      cwd: '/',
      env: { ...process.env, ...environment, PYTHONPATH: source, HF_HUB_DISABLE_TELEMETRY: '1' },
      // It ends when stdin does, so it never outlives the agent.
      stdio: ['pipe', 'pipe', 'ignore'],
    });
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    let output = '';
    const timer = setTimeout(() => {
      output = '{"event":"failed","message":"the hub could not be reached"}\n';
      child.kill('SIGKILL');
    }, this.#lookUpMs);
    child.stdin.on('error', () => {});
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (text: string) => {
      output = (output + text).slice(-4096);
      if (output.includes('"found"')) clearTimeout(timer);
    });
    child.once('error', () => {
      this.#fail(id, 'the hub could not be asked: the worker environment is missing', reject);
    });
    child.once('close', (code) => {
      clearTimeout(timer);
      if (code === 0) {
        this.#log.info({ model: id }, 'downloaded a model');
        resolve();
      } else {
        this.#fail(id, messageOf(output), reject);
      }
    });
    return { promise, kill: () => child.kill('SIGKILL') };
  }

  #fail(id: string, message: string, reject: (error: Error) => void): void {
    this.#log.warn({ model: id, reason: message }, 'the model could not be downloaded');
    this.#failures.set(id, { message, until: performance.now() + REMEMBER_FAILURE_MS });
    reject(notFound(id, message));
  }
}

function notFound(id: string, reason: string): ApiError {
  return new ApiError(API_ERRORS.MODEL_NOT_FOUND, `The model '${id}' is not on this host, and ${reason}.`, {
    param: 'model',
  });
}

/** The message of the last `failed` line. */
function messageOf(output: string): string {
  const line = output.split('\n').findLast((text) => text.includes('"failed"'));
  try {
    const event: unknown = JSON.parse(line ?? '');
    if (typeof event === 'object' && event !== null && 'message' in event) return String(event.message);
  } catch {
    // No such line, or one that was cut: the general message says enough.
  }
  return 'the download ended before it was complete';
}
