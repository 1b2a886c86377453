import type { ModelStatus, WorkerStatus } from '@mlxfleet/protocol';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Job } from '../scheduler/job.ts';
import type { Resident } from '../scheduler/memory-room.ts';
import type { Throughput } from '../state/throughput.ts';
import type { ModelLocation } from './catalog.ts';
import { JobDispatch } from './job-dispatch.ts';
import { ModelLife, type ModelLifeOptions, type ModelWork } from './model-life.ts';
import { modelState } from './model-state.ts';

export interface ModelRuntimeOptions extends Omit<ModelLifeOptions, 'work' | 'reserve'> {
  readonly throughput: Throughput;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  /** Makes room for the model and answers the bytes kept for it; rejects with an ApiError when there is none. */
  readonly reserve: (runtime: ModelRuntime) => Promise<number>;
}

/** One model of this host: brings its requests and its worker together, and keeps account of its use. */
export class ModelRuntime {
  readonly id: string;
  readonly location: ModelLocation;
  readonly #options: ModelRuntimeOptions;
  readonly #life: ModelLife;
  readonly #jobs: JobDispatch;
  #pinned: boolean;
  #lastUsed: number;
  #lastUsedAt: Date | null = null;

  constructor(options: ModelRuntimeOptions) {
    const { location, settings, now, log, throughput } = options;
    this.#options = options;
    this.id = location.id;
    this.location = location;
    this.#pinned = settings.pin;
    this.#lastUsed = now();
    this.#jobs = new JobDispatch({
      model: location.id,
      queueDepth: settings.queueDepth,
      maxBatchSize: settings.maxBatchSize,
      now,
      throughput,
      log,
      send: (frame) => {
        this.#life.send(frame);
      },
      onFreed: () => {
        this.#touch();
        this.#serve();
      },
    });
    this.#life = new ModelLife({
      ...options,
      work: this.#work(),
      reserve: async () => await options.reserve(this),
    });
  }

  get runningCount(): number {
    return this.#jobs.runningCount;
  }

  get waitingCount(): number {
    return this.#jobs.waitingCount;
  }

  /** Whether it holds, or is about to hold, a process. */
  get isActive(): boolean {
    return this.#life.isActive;
  }

  get isReady(): boolean {
    return this.#life.isReady;
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  /**
   * Takes jobs in, all or none; the model is loaded when it is not.
   * @throws ApiError QUEUE_FULL, or MODEL_LOAD_FAILED while a failed load is still fresh.
   */
  submit(jobs: readonly Job[]): void {
    this.#life.refuseFreshFailure();
    this.#jobs.add(jobs);
    this.#touch();
    this.#serve();
    this.#life.ensureStarted();
  }

  /** Ends a job within one step, wherever it is. Nothing more is told to its listener. */
  cancel(id: string): void {
    this.#jobs.cancel(id);
  }

  /** Resolves when the model is ready. A failed load is tried again at once. */
  async load(): Promise<void> {
    this.#touch();
    await this.#life.load();
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
    return await this.#life.unload(() => {
      if (!force) return;
      this.#jobs.failRunning(new ApiError(API_ERRORS.MODEL_UNLOADED, `The model '${this.id}' was unloaded.`));
    });
  }

  /** Fails everything with the error and ends the worker for good. */
  async shutDown(error: ApiError): Promise<void> {
    this.#life.stopForGood();
    this.#jobs.failRunning(error);
    this.#jobs.failWaiting(error);
    this.#life.failLoadWaiters(error);
    await this.unload(true);
  }

  /** Ends the worker without grace. */
  kill(): void {
    this.#life.kill();
  }

  /** Fails requests that have waited too long, and unloads the model when nobody has used it for its time. */
  sweep(now: number): void {
    // Time spent loading is no fault of the queue.
    if (!this.#life.isLoading) this.#jobs.expire(now);
    const { idleTimeoutMs } = this.#options.settings;
    const isIdle = this.#life.takesWork && !this.#pinned && this.runningCount + this.waitingCount === 0;
    if (isIdle && idleTimeoutMs !== null && now - this.#lastUsed >= idleTimeoutMs) {
      this.#options.log.info('unloading the idle model');
      this.#life.beginUnload();
    }
  }

  /** For the eviction policy; null while it holds no memory. */
  resident(): Resident | null {
    if (!this.isActive) return null;
    return {
      id: this.id,
      bytes: this.#life.heldBytes,
      busy: !this.#life.takesWork || this.runningCount + this.waitingCount > 0,
      pinned: this.#pinned,
      lastUsed: this.#lastUsed,
    };
  }

  status(): ModelStatus {
    const { idleTimeoutMs } = this.#options.settings;
    const { loadError } = this.#life;
    return {
      id: this.id,
      state: modelState({
        worker: this.#life.workerState,
        reserving: this.#life.isReserving,
        unloading: this.#life.isUnloading,
        failed: loadError !== null,
      }),
      memory_bytes: this.#life.memoryBytes,
      context_length: this.#life.contextLength,
      pinned: this.#pinned,
      idle_timeout_seconds: this.#pinned || idleTimeoutMs === null ? null : idleTimeoutMs / 1000,
      last_used_at: this.#lastUsedAt?.toISOString() ?? null,
      requests: { running: this.runningCount, waiting: this.waitingCount },
      error: loadError?.details ?? loadError?.message ?? null,
    };
  }

  workerStatus(): WorkerStatus {
    return this.#life.workerStatus();
  }

  #work(): ModelWork {
    const jobs = this.#jobs;
    return {
      isRunning: () => jobs.runningCount > 0,
      isWaiting: () => jobs.waitingCount > 0,
      isKept: () => this.#pinned || this.#options.settings.preload,
      ready: () => {
        this.#touch();
        jobs.restartClocks();
        this.#serve();
      },
      loadFailed: (error) => {
        jobs.failWaiting(error);
      },
      crashed: (error) => {
        jobs.failRunning(error);
      },
      started: (frame) => {
        jobs.started(frame);
      },
      outputs: (outputs) => {
        jobs.outputs(outputs);
      },
      failed: (frame) => {
        jobs.failed(frame);
      },
    };
  }

  /** Sends what waits, or lets a worker end that is to be unloaded. */
  #serve(): void {
    if (this.#life.takesWork) this.#jobs.fill();
    else this.#life.stopWhenIdle();
  }

  #touch(): void {
    this.#lastUsed = this.#options.now();
    this.#lastUsedAt = new Date();
  }
}
