import os from 'node:os';
import type { WorkerRequest, WorkerState, WorkerStatus } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Metrics } from '../state/metrics.ts';
import { LogFile } from '../workers/log-file.ts';
import { Worker, type WorkerListener } from '../workers/worker.ts';
import type { WorkerCommand } from '../workers/worker-process.ts';
import type { WorkerTimes } from '../workers/worker-transition.ts';
import type { ModelLocation } from './catalog.ts';
import { loadFrame } from './load-frame.ts';
import type { ModelSettings } from './model-settings.ts';
import { publicReason } from './public-reason.ts';
import { asApiError } from './request-error.ts';

/** What the life of a model asks, and tells, those who have work for it. */
export interface ModelWork extends Pick<WorkerListener, 'started' | 'outputs' | 'failed'> {
  /** Whether requests run in the worker: it is not unloaded before they end. */
  isRunning(): boolean;
  /** Whether requests wait for the model: it is loaded for them. */
  isWaiting(): boolean;
  /** Whether it is to be loaded again when its worker dies, also without requests. */
  isKept(): boolean;
  ready(): void;
  /** It cannot be loaded: what waits has to be told. */
  loadFailed(error: ApiError): void;
  /** What the worker held is lost. */
  crashed(error: ApiError): void;
}

export interface ModelLifeOptions {
  readonly location: ModelLocation;
  readonly settings: ModelSettings;
  readonly command: WorkerCommand;
  readonly logFile: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly work: ModelWork;
  /** Makes room for the model and answers the bytes kept for it; rejects with an ApiError when there is none. */
  readonly reserve: () => Promise<number>;
  readonly times?: WorkerTimes;
}

/** Loading and unloading of one model: its memory, its worker, and who waits for them. The only writer of all three. */
export class ModelLife {
  readonly #id: string;
  readonly #options: ModelLifeOptions;
  readonly #worker: Worker;
  readonly #logFile: LogFile;
  readonly #loadWaiters = new Set<PromiseWithResolvers<void>>();
  readonly #stopWaiters = new Set<() => void>();
  #reserving = false;
  #reservedBytes = 0;
  #unloading = false;
  #contextLength: number | null = null;
  #loadError: ApiError | null = null;
  #stoppedForGood = false;

  constructor(options: ModelLifeOptions) {
    this.#options = options;
    this.#id = options.location.id;
    this.#logFile = new LogFile(options.logFile);
    this.#worker = new Worker({
      command: options.command,
      log: options.log,
      logFile: this.#logFile,
      loadFrame: loadFrame(options.location, options.settings),
      modelBytes: () => this.#reservedBytes,
      listener: this.#workerListener(options.work),
      ...(options.times === undefined ? {} : { times: options.times }),
    });
  }

  /** Whether it holds, or is about to hold, a process. */
  get isActive(): boolean {
    return this.#worker.state !== 'stopped' || this.#reserving;
  }

  get isReady(): boolean {
    return this.#worker.state === 'ready';
  }

  /** Whether requests can be sent to it now. */
  get takesWork(): boolean {
    return this.isReady && !this.#unloading;
  }

  get isLoading(): boolean {
    return this.#reserving || this.#worker.state === 'starting' || this.#worker.state === 'loading';
  }

  get isReserving(): boolean {
    return this.#reserving;
  }

  get isUnloading(): boolean {
    return this.#unloading;
  }

  get workerState(): WorkerState {
    return this.#worker.state;
  }

  /** Bytes that are kept for it, or that it was found to hold. */
  get heldBytes(): number {
    return Math.max(this.#reservedBytes, this.#worker.memoryBytes ?? 0);
  }

  /** Bytes that its worker holds in MLX; null while not loaded. */
  get memoryBytes(): number | null {
    return this.#worker.memoryBytes;
  }

  /** Tokens of prompt and completion; null before the first load. */
  get contextLength(): number | null {
    return this.#contextLength;
  }

  get loadError(): ApiError | null {
    return this.#loadError;
  }

  workerStatus(): WorkerStatus {
    return {
      model: this.#id,
      state: this.#worker.state,
      healthy: this.#worker.healthy,
      pid: this.#worker.pid,
      restarts: this.#worker.restarts,
      last_exit: this.#worker.lastExit,
    };
  }

  send(frame: WorkerRequest): void {
    this.#worker.send(frame);
  }

  /** @throws ApiError MODEL_LOAD_FAILED while a failed load is still fresh. */
  refuseFreshFailure(): void {
    if (this.#loadError === null || this.#worker.state === 'stopped' || this.isReady) return;
    if (this.#worker.state === 'starting' || this.#worker.state === 'loading') return;
    const { definition, message } = this.#loadError;
    throw new ApiError(definition, message, { retryAfter: Math.max(1, this.#worker.backoffSeconds) });
  }

  /** Begins to load it, unless it is on its way already. */
  ensureStarted(): void {
    if (this.#worker.state !== 'stopped' || this.#reserving || this.#stoppedForGood) return;
    this.#reserving = true;
    void this.#reserveAndStart();
  }

  /** Resolves when the model is ready. A failed load is tried again at once. */
  async load(): Promise<void> {
    if (this.takesWork) return;
    const waiter = Promise.withResolvers<void>();
    this.#loadWaiters.add(waiter);
    this.#loadError = null;
    if (this.#worker.state === 'backoff') this.#worker.start();
    this.ensureStarted();
    await waiter.promise;
  }

  /** Lets the worker end as soon as nothing runs in it any more. */
  beginUnload(): void {
    this.#unloading = true;
    this.stopWhenIdle();
  }

  /** Resolves when the worker has ended; answers whether there was one. `onBegin` ends what must not finish first. */
  async unload(onBegin: () => void): Promise<boolean> {
    if (this.#worker.state === 'stopped') return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopWaiters.add(resolve);
    this.#unloading = true;
    onBegin();
    this.stopWhenIdle();
    await promise;
    return true;
  }

  /** Ends the worker when it is to be unloaded and nothing runs in it. */
  stopWhenIdle(): void {
    if (!this.#unloading || (this.isReady && this.#options.work.isRunning())) return;
    this.#worker.stop();
  }

  /** From here on nothing starts it again. */
  stopForGood(): void {
    this.#stoppedForGood = true;
  }

  failLoadWaiters(error: ApiError): void {
    for (const waiter of this.#takeLoadWaiters()) waiter.reject(error);
  }

  /** Ends the worker without grace. */
  kill(): void {
    this.#worker.kill();
  }

  #workerListener(work: ModelWork): WorkerListener {
    return {
      ready: (loaded) => {
        this.#contextLength = loaded.context_length;
        this.#loadError = null;
        for (const waiter of this.#takeLoadWaiters()) waiter.resolve();
        work.ready();
      },
      loadFailed: (message, details) => {
        this.#options.metrics.workerFailures.inc({ model_name: this.#id });
        const sentence = `The model '${this.#id}' could not be loaded: `;
        const reason = publicReason(message, [this.#options.location.path, os.homedir()]);
        this.#failLoad(
          new ApiError(API_ERRORS.MODEL_LOAD_FAILED, sentence + reason, { details: sentence + details }),
        );
        this.stopWhenIdle();
      },
      crashed: (message) => {
        this.#options.metrics.workerFailures.inc({ model_name: this.#id });
        work.crashed(
          new ApiError(
            API_ERRORS.WORKER_CRASHED,
            `The worker of model '${this.#id}' died while it held this request (${message}).`,
            { retryAfter: 1 },
          ),
        );
        this.stopWhenIdle();
      },
      stopped: () => {
        this.#unloading = false;
        this.#reservedBytes = 0;
        this.#logFile.close();
        for (const resolve of this.#stopWaiters) resolve();
        this.#stopWaiters.clear();
        if (work.isWaiting() || this.#loadWaiters.size > 0) this.ensureStarted();
      },
      started: (frame) => {
        work.started(frame);
      },
      outputs: (outputs) => {
        work.outputs(outputs);
      },
      failed: (frame) => {
        work.failed(frame);
      },
      isWanted: () => work.isKept() || work.isWaiting() || this.#loadWaiters.size > 0,
    };
  }

  async #reserveAndStart(): Promise<void> {
    try {
      this.#reservedBytes = await this.#options.reserve();
      this.#reserving = false;
      if (!this.#stoppedForGood) this.#worker.start();
    } catch (error) {
      this.#reserving = false;
      this.#failLoad(asApiError(error));
    }
  }

  #failLoad(error: ApiError): void {
    this.#loadError = error;
    this.failLoadWaiters(error);
    this.#options.work.loadFailed(error);
  }

  #takeLoadWaiters(): PromiseWithResolvers<void>[] {
    const waiters = [...this.#loadWaiters];
    this.#loadWaiters.clear();
    return waiters;
  }
}
