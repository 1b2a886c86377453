import type { LoadFrame, WorkerRequest } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import type { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import { LogFile } from '../../logs/log-file.ts';
import type { Metrics } from '../../metrics/metrics.ts';
import type { MemoryReturn } from '../../workers/memory-return.ts';
import { Worker } from '../../workers/worker.ts';
import type { WorkerListener } from '../../workers/worker-listener.ts';
import type { WorkerCommand } from '../../workers/worker-process.ts';
import type { WorkerTimes } from '../../workers/worker-times.ts';
import type { Reservation } from '../admission/reservation.ts';
import type { ModelLocation } from '../catalog/catalog.ts';
import type { ModelSettings } from '../model-settings.ts';
import { loadFrame } from './load-frame.ts';
import {
  asApiError,
  loadFailed,
  modelUnloaded,
  repeated,
  workerBroken,
  workerStuck,
} from './model-errors.ts';
import type { LifeView, WorkerView } from './model-view.ts';
import { Waiters } from './waiters.ts';

/** What the life of a model asks, and tells, those who have work for it. */
export interface ModelWork extends Pick<
  WorkerListener,
  'started' | 'outputs' | 'failed' | 'answered' | 'crashed' | 'isBusy'
> {
  /** Whether requests run in the worker: it is not unloaded before they end. */
  isRunning(): boolean;
  /** Whether requests wait for the model: it is loaded for them. */
  isWaiting(): boolean;
  /** Whether it is to be loaded again when its worker dies, also without requests. */
  isKept(): boolean;
  ready(): void;
  /** It cannot be loaded: what waits has to be told. */
  loadFailed(error: ApiError): void;
}

export interface ModelLifeOptions {
  readonly location: ModelLocation;
  readonly settings: ModelSettings;
  readonly command: WorkerCommand;
  readonly logFile: string;
  readonly log: Logger;
  readonly metrics: Metrics;
  readonly work: ModelWork;
  readonly memoryReturn: MemoryReturn;
  /** Makes room for the model and answers what it may count on; rejects with an ApiError when there is none. */
  readonly reserve: () => Promise<Reservation>;
  readonly times?: WorkerTimes;
}

/** Lines of the worker's log that its status repeats. */
const LOG_LINES_TOLD = 20;

/** Loading and unloading of one model: its memory, its worker, and who waits for them. The only writer of all three. */
export class ModelLife implements LifeView {
  readonly #id: string;
  readonly #options: ModelLifeOptions;
  readonly #worker: Worker;
  readonly #logFile: LogFile;
  readonly #loadWaiters = new Waiters();
  readonly #stopWaiters = new Waiters();
  /** The attempt to make room that counts. One that was given up goes on to its end, and only what it evicted tells of it. */
  #reserving: symbol | null = null;
  #reservation: Reservation | null = null;
  /** What it may count on: the estimate, and once it is loaded what it really took and what it may add to that. */
  #floorBytes = 0;
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
      loadFrame: () => this.#loadFrame(),
      modelBytes: () => this.#reservation?.bytes ?? 0,
      memoryReturn: options.memoryReturn,
      listener: this.#workerListener(options.work),
      ...(options.times === undefined ? {} : { times: options.times }),
    });
  }

  get isActive(): boolean {
    return (this.#worker.state !== 'stopped' && this.#worker.state !== 'broken') || this.isReserving;
  }

  get isGivenUp(): boolean {
    const { state } = this.#worker;
    const isResting = state === 'stopping' || state === 'backoff';
    return isResting && this.#loadError !== null && !this.#isStuck && !this.isReserving && !this.#isWanted();
  }

  get isReady(): boolean {
    return this.#worker.state === 'ready';
  }

  get takesWork(): boolean {
    return this.isReady && !this.#unloading;
  }

  get isLoading(): boolean {
    return this.isReserving || this.#worker.state === 'starting' || this.#worker.state === 'loading';
  }

  get isReserving(): boolean {
    return this.#reserving !== null;
  }

  get isUnloading(): boolean {
    return this.#unloading;
  }

  get worker(): WorkerView {
    return this.#worker;
  }

  get lastLog(): string[] {
    return this.#logFile.lastLines(LOG_LINES_TOLD);
  }

  get floorBytes(): number {
    return this.#floorBytes;
  }

  get memoryLimitBytes(): number | null {
    return this.#reservation?.limits.memoryLimitBytes ?? null;
  }

  get contextLength(): number | null {
    return this.#contextLength;
  }

  get loadError(): ApiError | null {
    return this.#loadError;
  }

  send(frame: WorkerRequest): void {
    this.#worker.send(frame);
  }

  /**
   * @throws ApiError MODEL_LOAD_FAILED while a failed load is still fresh, WORKER_BROKEN while the worker rests,
   *   MODEL_UNLOADED when it was stopped for good.
   */
  refuseWork(): void {
    if (this.#stoppedForGood) throw modelUnloaded(this.#id);
    const { state } = this.#worker;
    const isOver = state === 'stopped' || state === 'ready' || this.isLoading;
    if (this.#loadError === null || isOver) return;
    throw repeated(this.#loadError, this.#worker.restSeconds);
  }

  /** Begins to load it, unless it is on its way already; a worker that rests after a failure only `byHand`. */
  ensureStarted(byHand = false): void {
    const { state } = this.#worker;
    const isEnded = state === 'stopped' || (byHand && (state === 'backoff' || state === 'broken'));
    if (!isEnded || this.isReserving || this.#stoppedForGood) return;
    const attempt = Symbol('reserving');
    this.#reserving = attempt;
    void this.#reserveAndStart(attempt, byHand);
  }

  /**
   * Resolves when the model is ready. What failed before is tried again at once.
   * @throws ApiError WORKER_STUCK while its last worker does not end, or whatever keeps it from being loaded.
   */
  async load(): Promise<void> {
    this.#refuseStuck();
    if (this.takesWork) return;
    const loaded = this.#loadWaiters.wait();
    this.#loadError = null;
    this.ensureStarted(true);
    await loaded;
  }

  /** Lets the worker end as soon as nothing runs in it any more. */
  beginUnload(): void {
    this.#unloading = true;
    this.stopWhenIdle();
  }

  /**
   * Resolves when the worker has ended; answers whether there was one, or was to be. Who waits for the load itself waits
   * in vain; requests have it loaded again. `onBegin` ends what must not finish first.
   * @throws ApiError WORKER_STUCK.
   */
  async unload(onBegin: () => void): Promise<boolean> {
    this.failLoadWaiters(modelUnloaded(this.#id));
    this.#refuseStuck();
    const wasReserving = this.isReserving;
    this.#reserving = null;
    if (this.#worker.state === 'stopped') {
      this.#loadError = null;
      if (wasReserving) this.#stopped();
      return wasReserving;
    }
    const stopped = this.#stopWaiters.wait();
    this.#unloading = true;
    onBegin();
    this.stopWhenIdle();
    await stopped;
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
    this.#loadWaiters.reject(error);
  }

  /** Ends the worker without grace. */
  kill(): void {
    this.#worker.kill();
  }

  #workerListener(work: ModelWork): WorkerListener {
    return {
      ready: (loaded) => {
        this.#contextLength = loaded.context_length;
        this.#floorBytes = loaded.memory_bytes + (this.#reservation?.growthBytes ?? 0);
        this.#loadError = null;
        this.#loadWaiters.resolve();
        work.ready();
      },
      loadFailed: (message, details, mayRetry) => {
        this.#options.metrics.workerFailures.inc({ model_name: this.#id });
        if (!mayRetry) this.#failLoad(loadFailed(this.#options.location, message, details));
        this.stopWhenIdle();
      },
      crashed: (message) => {
        this.#options.metrics.workerFailures.inc({ model_name: this.#id });
        work.crashed(message);
        this.stopWhenIdle();
      },
      broken: (failures, message) => {
        this.#forgetReservation();
        const [lastLine = ''] = this.#logFile.lastWords(1);
        const seconds = this.#worker.restSeconds;
        this.#failLoad(workerBroken(this.#options.location, { failures, message, lastLine, seconds }));
        this.stopWhenIdle();
      },
      stopped: () => {
        // Who unloads a model that has failed has taken note of it.
        if (this.#unloading || this.#loadError?.definition === API_ERRORS.WORKER_STUCK)
          this.#loadError = null;
        this.#unloading = false;
        this.#logFile.close();
        this.#stopWaiters.resolve();
        this.#stopped();
      },
      stuck: () => {
        const error = workerStuck(this.#id);
        this.#stopWaiters.reject(error);
        this.#failLoad(error);
      },
      cooledDown: () => {
        if (work.isKept()) this.ensureStarted();
      },
      started: work.started,
      outputs: work.outputs,
      failed: work.failed,
      answered: work.answered,
      isBusy: work.isBusy,
      isWanted: () => this.#isWanted(),
    };
  }

  /** Whether its worker was killed and is still there. */
  get #isStuck(): boolean {
    return this.#worker.state === 'stopping' && this.#loadError?.definition === API_ERRORS.WORKER_STUCK;
  }

  /** Nothing more will be told of such a worker before it ends, if it ever does. */
  #refuseStuck(): void {
    if (this.#isStuck) throw workerStuck(this.#id);
  }

  /** Whether its worker is started again after a failure. */
  #isWanted(): boolean {
    const { work } = this.#options;
    return work.isKept() || work.isWaiting() || this.#loadWaiters.size > 0;
  }

  /** There is no worker any more, nor one to come, but for those who wait. */
  #stopped(): void {
    // Room that has been made for the next one is that one's.
    if (!this.isReserving) this.#forgetReservation();
    if (this.#options.work.isWaiting() || this.#loadWaiters.size > 0) this.ensureStarted();
  }

  async #reserveAndStart(attempt: symbol, byHand: boolean): Promise<void> {
    try {
      const reservation = await this.#options.reserve();
      if (this.#reserving !== attempt) return;
      this.#reservation = reservation;
      this.#floorBytes = reservation.bytes;
      await this.#options.memoryReturn.settled(reservation.bytes);
      if (this.#reserving !== attempt) return;
      this.#reserving = null;
      if (!this.#stoppedForGood) this.#worker.start(byHand);
    } catch (error) {
      if (this.#reserving !== attempt) return;
      this.#reserving = null;
      this.#forgetReservation();
      this.#failLoad(asApiError(error));
    }
  }

  #loadFrame(): LoadFrame {
    if (this.#reservation === null) throw new Error('a worker was started without room for its model');
    const { location, settings } = this.#options;
    return loadFrame(location, settings, this.#reservation.limits);
  }

  #forgetReservation(): void {
    this.#reservation = null;
    this.#floorBytes = 0;
  }

  #failLoad(error: ApiError): void {
    this.#loadError = error;
    this.failLoadWaiters(error);
    this.#options.work.loadFailed(error);
  }
}
