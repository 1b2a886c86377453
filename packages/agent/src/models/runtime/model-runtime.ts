import type { AdminWorker, ModelStatus, WorkerRequest, WorkerStatus } from '@mlxfleet/protocol';
import type { ApiError } from '../../api-error.ts';
import type { Resident } from '../../memory/memory-room.ts';
import type { Throughput } from '../../metrics/throughput.ts';
import type { Job } from '../../scheduler/job.ts';
import type { Reservation } from '../admission/reservation.ts';
import type { ModelLocation } from '../catalog/catalog.ts';
import { JobDispatch } from './job-dispatch.ts';
import { modelUnloaded } from './model-errors.ts';
import { ModelLife, type ModelLifeOptions, type ModelWork } from './model-life.ts';
import {
  type ModelMemory,
  modelMemory,
  modelResident,
  type ModelSpeculation,
  modelSpeculation,
} from './model-memory.ts';
import { modelStatus, workerStatus } from './model-status.ts';
import type { ModelView } from './model-view.ts';
import { NO_PREFIX_USE, type PrefixUse, used } from './prefix-use.ts';
import { type AnswerTo, type Question, Questions } from './questions.ts';
import { workerDetail } from './worker-detail.ts';

export interface ModelRuntimeOptions extends Omit<ModelLifeOptions, 'work' | 'reserve'> {
  readonly throughput: Throughput;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  /** Makes room for the model and answers what it may count on; rejects with an ApiError when there is none. */
  readonly reserve: (runtime: ModelRuntime) => Promise<Reservation>;
}

/** One model of this host: brings its requests and its worker together, and keeps account of its use. */
export class ModelRuntime {
  readonly id: string;
  readonly location: ModelLocation;
  readonly #options: ModelRuntimeOptions;
  readonly #life: ModelLife;
  readonly #jobs: JobDispatch;
  readonly #questions: Questions;
  #pinned: boolean;
  #lastUsed: number;
  #lastUsedAt: Date | null = null;
  #prefixUse: PrefixUse = NO_PREFIX_USE;

  constructor(options: ModelRuntimeOptions) {
    const { location, settings, now, log, throughput } = options;
    this.#options = options;
    this.id = location.id;
    this.location = location;
    this.#pinned = settings.pin;
    this.#lastUsed = now();
    const toWorker = {
      model: location.id,
      send: (frame: WorkerRequest): void => {
        this.#life.send(frame);
      },
      onFreed: (): void => {
        this.#touch();
        this.#serve();
      },
    };
    const { queueDepth, maxBatchSize } = settings;
    this.#jobs = new JobDispatch({ ...toWorker, queueDepth, maxBatchSize, now, throughput, log });
    this.#questions = new Questions({ ...toWorker, depth: queueDepth });
    this.#life = new ModelLife({
      ...options,
      work: this.#work(),
      reserve: async () => await options.reserve(this),
    });
  }

  /** Requests that its worker has, completions and questions. */
  get runningCount(): number {
    return this.#jobs.runningCount + this.#questions.sentCount;
  }

  get waitingCount(): number {
    return this.#jobs.waitingCount + this.#questions.waitingCount;
  }

  /** Whether it holds, or is about to hold, a process. */
  get isActive(): boolean {
    return this.#life.isActive;
  }

  get isReady(): boolean {
    return this.#life.isReady;
  }

  /** Whether its worker has failed too often and rests. */
  get isBroken(): boolean {
    return this.#life.worker.state === 'broken';
  }

  get lastUsed(): number {
    return this.#lastUsed;
  }

  /**
   * Takes jobs in, all or none; the model is loaded when it is not.
   * @throws ApiError QUEUE_FULL, MODEL_LOAD_FAILED or WORKER_BROKEN while that is still fresh, or MODEL_UNLOADED when it was
   *   shut down: nothing that it takes in after that would ever end.
   */
  submit(jobs: readonly Job[]): void {
    this.#life.refuseWork();
    this.#jobs.add(jobs);
    this.#touch();
    this.#serve();
    this.#life.ensureStarted();
  }

  /**
   * Keeps places for jobs that are not ready to be submitted; gives what lets go of them.
   * @throws ApiError as `submit` does.
   */
  keepPlaces(places: number): () => void {
    this.#life.refuseWork();
    return this.#jobs.keepPlaces(places);
  }

  /**
   * The same for a question.
   * @throws ApiError as `submit` does.
   */
  keepQuestionPlace(): () => void {
    this.#life.refuseWork();
    return this.#questions.keepPlace();
  }

  /** Ends a job within one step, wherever it is. Nothing more is told to its listener. */
  cancel(id: string): void {
    this.#jobs.cancel(id);
  }

  /**
   * The worker's answer to one question; the model is loaded when it is not. A worker that dies with it is replaced, and
   * the next one asked once more.
   * @throws ApiError as `submit` does, or whatever ends it; the reason of the signal when that ends it.
   */
  async ask<Asked extends Question>(question: Asked, signal?: AbortSignal): Promise<AnswerTo<Asked>> {
    this.#life.refuseWork();
    const answer = this.#questions.ask(question, signal);
    if (this.#questions.waitingCount > 0) {
      this.#touch();
      this.#serve();
      this.#life.ensureStarted();
    }
    return await answer;
  }

  /** Has the worker drop what it keeps for further requests beyond so many bytes, and give unused memory back. */
  shrink(keptBytes: number): void {
    if (this.isReady) this.#life.send({ type: 'shrink', kept_bytes: keptBytes });
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
   * @throws ApiError WORKER_STUCK.
   */
  async unload(force: boolean): Promise<boolean> {
    this.#pinned = false;
    return await this.#life.unload(() => {
      if (force) this.#failRunning(modelUnloaded(this.id));
    });
  }

  /** Fails everything with the error and ends the worker for good; one that cannot be ended is left to the system. */
  async shutDown(error: ApiError): Promise<void> {
    this.#life.stopForGood();
    this.#failRunning(error);
    this.#failWaiting(error);
    this.#life.failLoadWaiters(error);
    try {
      await this.unload(true);
    } catch {
      // Its log tells of it.
    }
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

  resident(): Resident | null {
    return modelResident(this.#view());
  }

  memory(): ModelMemory | null {
    return modelMemory(this.#view());
  }

  speculation(): ModelSpeculation | null {
    return modelSpeculation(this.#view());
  }

  status(): ModelStatus {
    return modelStatus(this.#view());
  }

  workerStatus(): WorkerStatus {
    return workerStatus(this.#view());
  }

  workerDetail(): AdminWorker {
    return workerDetail(this.#view());
  }

  #view(): ModelView {
    return {
      id: this.id,
      life: this.#life,
      isPinned: this.#pinned,
      idleTimeoutMs: this.#options.settings.idleTimeoutMs,
      lastUsed: this.#lastUsed,
      lastUsedAt: this.#lastUsedAt,
      requests: { running: this.runningCount, waiting: this.waitingCount },
      prefixUse: this.#prefixUse,
    };
  }

  #work(): ModelWork {
    const jobs = this.#jobs;
    const questions = this.#questions;
    return {
      isRunning: () => this.runningCount > 0,
      isWaiting: () => this.waitingCount > 0,
      isBusy: () => jobs.runningCount > 0 || questions.isEmbedding,
      isKept: () => this.#pinned || this.#options.settings.preload,
      ready: () => {
        this.#touch();
        this.#prefixUse = NO_PREFIX_USE;
        jobs.restartClocks();
        this.#serve();
      },
      loadFailed: (error) => {
        this.#failWaiting(error);
      },
      crashed: (reason) => {
        questions.crashed(reason);
        jobs.crashed(reason);
      },
      started: (frame) => {
        this.#prefixUse = used(this.#prefixUse, frame);
        jobs.started(frame);
      },
      outputs: (outputs) => {
        jobs.outputs(outputs);
      },
      failed: (frame) => {
        if (!questions.failed(frame)) jobs.failed(frame);
      },
      answered: (frame) => {
        questions.answered(frame);
      },
    };
  }

  #failRunning(error: ApiError): void {
    this.#questions.failSent(error);
    this.#jobs.failRunning(error);
  }

  #failWaiting(error: ApiError): void {
    this.#questions.failWaiting(error);
    this.#jobs.failWaiting(error);
  }

  /** Sends what waits, or lets a worker end that is to be unloaded. */
  #serve(): void {
    if (!this.#life.takesWork) {
      this.#life.stopWhenIdle();
      return;
    }
    this.#questions.fill();
    this.#jobs.fill();
  }

  #touch(): void {
    this.#lastUsed = this.#options.now();
    this.#lastUsedAt = new Date();
  }
}
