import type { Logger } from 'pino';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { WorkerCommand } from '../../workers/worker-process.ts';
import { DownloadFailure, notDownloaded } from './download-failure.ts';
import { DownloadProcess, type DownloadProgress } from './download-process.ts';

/** How long a hub may take to say whether it has the model. A request waits for this. */
const LOOK_UP_MS = 9000;
/** A failed look-up is not repeated for so long: clients retry, and every look-up is a Python process. */
const REMEMBER_FAILURE_MS = 10_000;
const MOST_AT_ONCE = 2;

interface Remembered {
  readonly failure: DownloadFailure;
  readonly until: number;
}

interface Running {
  readonly process: DownloadProcess;
  /** How many wait for its end. */
  waiters: number;
}

/** One caller's part in a download. Its promises reject with a DownloadFailure, and need not be waited for. */
export interface Download {
  /** Resolves when the hub has said that it has the model. Rejects as `done` does. */
  readonly found: Promise<void>;
  /** Resolves when the model is in the cache. */
  readonly done: Promise<void>;
  readonly progress: DownloadProgress;
  /** The caller does not wait any more. The download ends with its last caller; a second time changes nothing. */
  leave(): void;
}

/** Fetches models from the hub, each in a process of its own so that nothing else waits for it. */
export class Downloader {
  readonly #command: WorkerCommand;
  readonly #log: Logger;
  readonly #offline: boolean;
  readonly #lookUpMs: number;
  readonly #running = new Map<string, Running>();
  readonly #failures = new Map<string, Remembered>();

  constructor(command: WorkerCommand, log: Logger, offline: boolean, lookUpMs = LOOK_UP_MS) {
    this.#lookUpMs = lookUpMs;
    this.#command = command;
    this.#log = log;
    this.#offline = offline;
  }

  /**
   * Resolves when the model is in the cache. Callers of one id share one download; a look-up that has just failed is not
   * repeated.
   * @throws ApiError MODEL_NOT_FOUND or DOWNLOADS_BUSY.
   */
  async download(id: string): Promise<void> {
    try {
      const remembered = this.#failures.get(id);
      if (remembered !== undefined && remembered.until > performance.now()) throw remembered.failure;
      await this.join(id).done;
    } catch (error) {
      throw error instanceof DownloadFailure ? notDownloaded(id, error) : error;
    }
  }

  /**
   * Begins a download, also one that has just failed, or joins the one that runs.
   * @throws DownloadFailure when the hub may not be asked; ApiError DOWNLOADS_BUSY.
   */
  join(id: string): Download {
    if (this.#offline) {
      throw new DownloadFailure('unreachable', 'the hub may not be asked (HF_HUB_OFFLINE is set)');
    }
    const running = this.#running.get(id) ?? this.#begin(id);
    const { process } = running;
    running.waiters += 1;
    let isWaiting = true;
    return {
      found: process.found,
      done: process.done,
      get progress() {
        return process.progress;
      },
      leave: () => {
        if (isWaiting) this.#leave(id, running);
        isWaiting = false;
      },
    };
  }

  /** Whether the hub may not be asked. */
  get isOffline(): boolean {
    return this.#offline;
  }

  isRunning(id: string): boolean {
    return this.#running.has(id);
  }

  /** How far each download is, by the model's id. */
  get progress(): ReadonlyMap<string, DownloadProgress> {
    return new Map(Array.from(this.#running, ([id, { process }]) => [id, process.progress]));
  }

  /** Ends every download; what is there of them is taken up by the next. */
  stop(): void {
    for (const { process } of this.#running.values()) {
      process.kill(new DownloadFailure('cancelled', 'the agent stopped before it was complete'));
    }
  }

  #begin(id: string): Running {
    this.#failures.delete(id);
    if (this.#running.size >= MOST_AT_ONCE) {
      throw new ApiError(
        API_ERRORS.DOWNLOADS_BUSY,
        `The model '${id}' is not on this host, and ${String(MOST_AT_ONCE)} others are being looked up or downloaded.`,
        { param: 'model', retryAfter: 10 },
      );
    }
    this.#log.info({ model: id }, 'asking the hub for a model');
    const running: Running = {
      process: new DownloadProcess(this.#command, id, this.#lookUpMs),
      waiters: 0,
    };
    this.#running.set(id, running);
    void this.#watch(id, running);
    return running;
  }

  /** It waits first, so that the download counts as over for everybody else who has waited. */
  async #watch(id: string, running: Running): Promise<void> {
    const forget = (): void => {
      if (this.#running.get(id) === running) this.#running.delete(id);
    };
    try {
      await running.process.done;
      forget();
      this.#log.info({ model: id }, 'downloaded a model');
    } catch (error) {
      forget();
      if (!(error instanceof DownloadFailure)) throw error;
      this.#log.warn({ model: id, reason: error.message }, 'the model could not be downloaded');
      if (error.reason !== 'cancelled') this.#remember(id, error);
    }
  }

  #remember(id: string, failure: DownloadFailure): void {
    const now = performance.now();
    for (const [other, { until }] of this.#failures) if (until <= now) this.#failures.delete(other);
    this.#failures.set(id, { failure, until: now + REMEMBER_FAILURE_MS });
  }

  #leave(id: string, running: Running): void {
    running.waiters -= 1;
    if (running.waiters > 0 || this.#running.get(id) !== running) return;
    // Whoever comes from now on begins anew, and does not join what is about to end.
    this.#running.delete(id);
    running.process.kill(new DownloadFailure('cancelled', 'nobody waited for it any more'));
  }
}
