import os from 'node:os';
import type { ModelState, ModelStatus, StepOutput, WorkerStatus } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Job } from '../scheduler/job.ts';
import type { Resident } from '../scheduler/memory-room.ts';
import { LONGEST_WAIT_MS, RequestQueue } from '../scheduler/request-queue.ts';
import type { Metrics } from '../state/metrics.ts';
import type { Throughput } from '../state/throughput.ts';
import { LogFile } from '../workers/log-file.ts';
import { Worker, type WorkerListener } from '../workers/worker.ts';
import type { WorkerCommand } from '../workers/worker-process.ts';
import type { WorkerTimes } from '../workers/worker-transition.ts';
import type { ModelLocation } from './catalog.ts';
import { publicReason } from './public-reason.ts';

export interface ModelSettings {
  readonly pin: boolean;
  /** Whether it is loaded from the start, and again when its worker dies. */
  readonly preload: boolean;
  /** Milliseconds without a request before it is unloaded; null for never. */
  readonly idleTimeoutMs: number | null;
  /** Upper bound of prompt and completion in tokens; null takes the model's own. */
  readonly contextLength: number | null;
  readonly queueDepth: number;
  readonly maxBatchSize: number;
  readonly memoryLimitBytes: number;
}

export interface ModelRuntimeOptions {
  readonly location: ModelLocation;
  readonly settings: ModelSettings;
  readonly command: WorkerCommand;
  readonly logFile: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly throughput: Throughput;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  /** Makes room for the model and answers the bytes kept for it; rejects with an ApiError when there is none. */
  readonly reserve: (runtime: ModelRuntime) => Promise<number>;
  readonly times?: WorkerTimes;
}

/** Seconds after which a client of a full queue should come again. */
const QUEUE_FULL_RETRY_SECONDS = 2;

/** One model of this host: its queue, its worker, and who waits for what. The only writer of all three. */
export class ModelRuntime {
  readonly id: string;
  readonly location: ModelLocation;
  readonly #options: ModelRuntimeOptions;
  readonly #worker: Worker;
  readonly #logFile: LogFile;
  readonly #queue = new RequestQueue<Job>();
  readonly #running = new Map<string, Job>();
  readonly #loadWaiters = new Set<PromiseWithResolvers<void>>();
  readonly #stopWaiters = new Set<() => void>();
  #pinned: boolean;
  #reserving = false;
  #reservedBytes = 0;
  #unloading = false;
  #contextLength: number | null = null;
  #loadError: ApiError | null = null;
  #lastUsed: number;
  #lastUsedAt: Date | null = null;
  #stoppedForGood = false;

  constructor(options: ModelRuntimeOptions) {
    this.#options = options;
    this.id = options.location.id;
    this.location = options.location;
    this.#pinned = options.settings.pin;
    this.#lastUsed = options.now();
    this.#logFile = new LogFile(options.logFile);
    this.#worker = new Worker({
      command: options.command,
      log: options.log,
      logFile: this.#logFile,
      loadFrame: {
        type: 'load',
        path: options.location.path,
        task: 'generate',
        adapter_path: null,
        context_length: options.settings.contextLength,
        memory_limit_bytes: options.settings.memoryLimitBytes,
        wired_limit_bytes: null,
        max_batch_size: options.settings.maxBatchSize,
        kv_bits: null,
        prefix_cache: { memory_bytes: 0, disk_path: null, disk_bytes: 0 },
        speculation: { prompt_lookup: false, draft_path: null, tokens: 4 },
      },
      modelBytes: () => this.#reservedBytes,
      listener: this.#workerListener(options),
      ...(options.times === undefined ? {} : { times: options.times }),
    });
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get waitingCount(): number {
    return this.#queue.size;
  }

  /** Whether it holds, or is about to hold, a process. */
  get isActive(): boolean {
    return this.#worker.state !== 'stopped' || this.#reserving;
  }

  get isReady(): boolean {
    return this.#worker.state === 'ready';
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  /**
   * Takes jobs in, all or none; the model is loaded when it is not.
   * @throws ApiError QUEUE_FULL, or MODEL_LOAD_FAILED while a failed load is still fresh.
   */
  submit(jobs: readonly Job[]): void {
    this.#refuseFreshFailure();
    const { queueDepth, maxBatchSize } = this.#options.settings;
    if (this.#running.size + this.#queue.size + jobs.length > maxBatchSize + queueDepth) {
      throw new ApiError(
        API_ERRORS.QUEUE_FULL,
        `The queue of model '${this.id}' is full: ${String(this.#running.size)} requests run and ${String(this.#queue.size)} wait.`,
        { retryAfter: QUEUE_FULL_RETRY_SECONDS },
      );
    }
    this.#touch();
    for (const job of jobs) this.#queue.add(job, this.#options.now());
    this.#pump();
    this.#ensureStarted();
  }

  /** Ends a job within one step, wherever it is. Nothing more is told to its listener. */
  cancel(id: string): void {
    if (this.#queue.remove(id)) return;
    if (!this.#running.delete(id)) return;
    this.#worker.cancel(id);
    this.#touch();
    this.#pump();
  }

  /** Resolves when the model is ready. A failed load is tried again at once. */
  async load(): Promise<void> {
    this.#touch();
    if (this.isReady && !this.#unloading) return;
    const waiter = Promise.withResolvers<void>();
    this.#loadWaiters.add(waiter);
    this.#loadError = null;
    if (this.#worker.state === 'backoff') this.#worker.start();
    this.#ensureStarted();
    await waiter.promise;
  }

  setPinned(pinned: boolean): void {
    this.#pinned = pinned;
  }

  /**
   * Ends the worker after what runs has finished, or at once by force. Requests that wait, or arrive meanwhile, load
   * the model again. Answers whether there was something to unload.
   */
  async unload(force: boolean): Promise<boolean> {
    this.#pinned = false;
    if (this.#worker.state === 'stopped') return false;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#stopWaiters.add(resolve);
    this.#unloading = true;
    if (force) {
      this.#failRunning(new ApiError(API_ERRORS.MODEL_UNLOADED, `The model '${this.id}' was unloaded.`));
    }
    this.#stopWhenIdle();
    await promise;
    return true;
  }

  /** Fails everything with the error and ends the worker for good. */
  async shutDown(error: ApiError): Promise<void> {
    this.#stoppedForGood = true;
    this.#failRunning(error);
    this.#failWaiting(error);
    await this.unload(true);
  }

  /** Ends the worker without grace. */
  kill(): void {
    this.#worker.kill();
  }

  /** Fails requests that have waited too long, and unloads the model when nobody has used it for its time. */
  sweep(now: number): void {
    // Time spent loading is no fault of the queue.
    const loading = this.#reserving || this.#worker.state === 'starting' || this.#worker.state === 'loading';
    if (!loading) {
      for (const job of this.#queue.takeExpired(now)) {
        const seconds = LONGEST_WAIT_MS[job.priority] / 1000;
        job.listener.failed(
          new ApiError(
            API_ERRORS.QUEUE_TIMEOUT,
            `The request waited ${String(seconds)} s for a turn of model '${this.id}'.`,
            { retryAfter: QUEUE_FULL_RETRY_SECONDS },
          ),
        );
      }
    }
    const { idleTimeoutMs } = this.#options.settings;
    const idle = this.isReady && !this.#pinned && this.#running.size === 0 && this.#queue.size === 0;
    if (idle && !this.#unloading && idleTimeoutMs !== null && now - this.#lastUsed >= idleTimeoutMs) {
      this.#options.log.info('unloading the idle model');
      this.#unloading = true;
      this.#stopWhenIdle();
    }
  }

  /** For the eviction policy; null while it holds no memory. */
  resident(): Resident | null {
    if (!this.isActive) return null;
    return {
      id: this.id,
      bytes: Math.max(this.#reservedBytes, this.#worker.memoryBytes ?? 0),
      busy: !this.isReady || this.#unloading || this.#running.size > 0 || this.#queue.size > 0,
      pinned: this.#pinned,
      lastUsed: this.#lastUsed,
    };
  }

  status(): ModelStatus {
    const { idleTimeoutMs } = this.#options.settings;
    return {
      id: this.id,
      state: this.#modelState(),
      memory_bytes: this.#worker.memoryBytes,
      context_length: this.#contextLength,
      pinned: this.#pinned,
      idle_timeout_seconds: this.#pinned || idleTimeoutMs === null ? null : idleTimeoutMs / 1000,
      last_used_at: this.#lastUsedAt?.toISOString() ?? null,
      requests: { running: this.#running.size, waiting: this.#queue.size },
      error: this.#loadError?.details ?? this.#loadError?.message ?? null,
    };
  }

  workerStatus(): WorkerStatus {
    return {
      model: this.id,
      state: this.#worker.state,
      healthy: this.#worker.healthy,
      pid: this.#worker.pid,
      restarts: this.#worker.restarts,
      last_exit: this.#worker.lastExit,
    };
  }

  #modelState(): ModelState {
    const { state } = this.#worker;
    if (this.#reserving || state === 'starting' || state === 'loading') return 'loading';
    if (state === 'ready') return this.#unloading ? 'unloading' : 'ready';
    if (state === 'backoff' || this.#loadError !== null) return 'failed';
    return state === 'stopping' ? 'unloading' : 'unloaded';
  }

  #workerListener(options: ModelRuntimeOptions): WorkerListener {
    return {
      ready: (loaded) => {
        this.#contextLength = loaded.context_length;
        this.#loadError = null;
        this.#touch();
        this.#queue.restartClocks(this.#options.now());
        for (const waiter of this.#takeLoadWaiters()) waiter.resolve();
        this.#pump();
      },
      loadFailed: (message, details) => {
        this.#options.metrics.workerFailures.inc({ model_name: this.id });
        const sentence = `The model '${this.id}' could not be loaded: `;
        this.#failLoad(
          new ApiError(
            API_ERRORS.MODEL_LOAD_FAILED,
            sentence + publicReason(message, [this.location.path, os.homedir()]),
            { details: sentence + details },
          ),
        );
        this.#stopWhenIdle();
      },
      crashed: (message) => {
        this.#options.metrics.workerFailures.inc({ model_name: this.id });
        this.#failRunning(
          new ApiError(
            API_ERRORS.WORKER_CRASHED,
            `The worker of model '${this.id}' died while it held this request (${message}).`,
            { retryAfter: 1 },
          ),
        );
        this.#stopWhenIdle();
      },
      stopped: () => {
        this.#unloading = false;
        this.#reservedBytes = 0;
        this.#logFile.close();
        for (const resolve of this.#stopWaiters) resolve();
        this.#stopWaiters.clear();
        if (this.#queue.size > 0 || this.#loadWaiters.size > 0) this.#ensureStarted();
      },
      started: (frame) => {
        this.#guard(this.#running.get(frame.id), (job) => {
          job.listener.started(frame.prompt_tokens, frame.cached_tokens);
        });
      },
      outputs: (outputs) => {
        this.#onOutputs(outputs);
      },
      failed: (frame) => {
        const job = this.#running.get(frame.id);
        this.#running.delete(frame.id);
        this.#guard(job, ({ listener }) => {
          listener.failed(requestError(frame.kind, frame.message, frame.param));
        });
        this.#pump();
      },
      isWanted: () =>
        this.#pinned || options.settings.preload || this.#queue.size > 0 || this.#loadWaiters.size > 0,
    };
  }

  #onOutputs(outputs: readonly StepOutput[]): void {
    let finished = false;
    let tokens = 0;
    for (const output of outputs) {
      const job = this.#running.get(output.id);
      if (job === undefined) continue;
      tokens += output.tokens.length;
      if (output.finish !== undefined) {
        this.#running.delete(output.id);
        finished = true;
      }
      this.#guard(job, ({ listener }) => {
        listener.output(output);
      });
    }
    this.#options.throughput.add(tokens, this.#options.now());
    if (finished) {
      this.#touch();
      this.#pump();
    }
  }

  /** A failure in what is done with one request must not reach the others of its step. */
  #guard(job: Job | undefined, tell: (job: Job) => void): void {
    if (job === undefined) return;
    try {
      tell(job);
    } catch (error) {
      this.#options.log.error({ err: error }, 'an answer could not be delivered');
      this.cancel(job.id);
    }
  }

  #pump(): void {
    if (this.#worker.state !== 'ready' || this.#unloading) {
      this.#stopWhenIdle();
      return;
    }
    while (this.#running.size < this.#options.settings.maxBatchSize) {
      const job = this.#queue.takeNext();
      if (job === null) return;
      this.#running.set(job.id, job);
      this.#worker.generate(job.frame);
    }
  }

  #ensureStarted(): void {
    if (this.#worker.state !== 'stopped' || this.#reserving || this.#stoppedForGood) return;
    this.#reserving = true;
    void this.#reserveAndStart();
  }

  async #reserveAndStart(): Promise<void> {
    try {
      this.#reservedBytes = await this.#options.reserve(this);
      this.#reserving = false;
      if (!this.#stoppedForGood) this.#worker.start();
    } catch (error) {
      this.#reserving = false;
      this.#failLoad(asApiError(error));
    }
  }

  #stopWhenIdle(): void {
    if (!this.#unloading || (this.isReady && this.#running.size > 0)) return;
    this.#worker.stop();
  }

  #failLoad(error: ApiError): void {
    this.#loadError = error;
    this.#failWaiting(error);
  }

  #refuseFreshFailure(): void {
    if (this.#loadError === null || this.#worker.state === 'stopped' || this.isReady) return;
    if (this.#worker.state === 'starting' || this.#worker.state === 'loading') return;
    const { definition, message } = this.#loadError;
    throw new ApiError(definition, message, { retryAfter: Math.max(1, this.#worker.backoffSeconds) });
  }

  #failRunning(error: ApiError): void {
    const jobs = [...this.#running.values()];
    for (const job of jobs) this.#worker.cancel(job.id);
    this.#running.clear();
    for (const job of jobs) {
      this.#guard(job, ({ listener }) => {
        listener.failed(error);
      });
    }
  }

  #failWaiting(error: ApiError): void {
    for (const job of this.#queue.takeAll()) {
      this.#guard(job, ({ listener }) => {
        listener.failed(error);
      });
    }
    for (const waiter of this.#takeLoadWaiters()) waiter.reject(error);
  }

  #takeLoadWaiters(): PromiseWithResolvers<void>[] {
    const waiters = [...this.#loadWaiters];
    this.#loadWaiters.clear();
    return waiters;
  }

  #touch(): void {
    this.#lastUsed = this.#options.now();
    this.#lastUsedAt = new Date();
  }
}

function requestError(
  kind: 'invalid' | 'context_length' | 'memory' | 'internal',
  message: string,
  param: string | null,
): ApiError {
  const definition = {
    invalid: API_ERRORS.INVALID_VALUE,
    context_length: API_ERRORS.CONTEXT_LENGTH_EXCEEDED,
    memory: API_ERRORS.MEMORY_EXHAUSTED,
    internal: API_ERRORS.INTERNAL_ERROR,
  }[kind];
  // What fails inside the worker is told in the words of a library.
  return new ApiError(definition, kind === 'internal' ? publicReason(message) : message, { param });
}

function asApiError(error: unknown): ApiError {
  if (error instanceof ApiError) return error;
  return new ApiError(API_ERRORS.INTERNAL_ERROR, 'The agent failed.', { cause: error });
}
