import type { StepOutput, WorkerRequest } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { Throughput } from '../../metrics/throughput.ts';
import type { Job } from '../../scheduler/job.ts';
import { LONGEST_WAIT_MS, RequestQueue } from '../../scheduler/request-queue.ts';
import { ServiceTimes } from '../../scheduler/service-times.ts';
import type { FrameOf } from '../../workers/worker-listener.ts';
import { afterCrash, type JobAttempt } from './job-attempt.ts';
import { KeptPlaces } from './kept-places.ts';
import { queueFull, requestError, workerCrashed } from './model-errors.ts';

export interface JobDispatchOptions {
  /** Id of the model, for messages. */
  readonly model: string;
  readonly queueDepth: number;
  readonly maxBatchSize: number;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  readonly throughput: Throughput;
  readonly log: Logger;
  /** To the worker. */
  readonly send: (frame: WorkerRequest) => void;
  /** Called when a job has left the worker: another one may take its place. */
  readonly onFreed: () => void;
}

/** The jobs of one model, those that wait and those that its worker holds. The only writer of them. */
export class JobDispatch {
  readonly #options: JobDispatchOptions;
  readonly #queue = new RequestQueue<Job>();
  /** Before the queue: jobs whose worker died before their first output. They have had their turn. */
  readonly #again = new Map<string, JobAttempt>();
  readonly #running = new Map<string, JobAttempt>();
  readonly #kept = new KeptPlaces();
  readonly #times = new ServiceTimes();

  constructor(options: JobDispatchOptions) {
    this.#options = options;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get waitingCount(): number {
    return this.#again.size + this.#queue.size;
  }

  /**
   * Takes jobs in, all or none.
   * @throws ApiError QUEUE_FULL.
   */
  add(jobs: readonly Job[]): void {
    this.#refuseBeyondRoom(jobs.length);
    for (const job of jobs) this.#queue.add(job, this.#options.now());
  }

  /**
   * Keeps places for jobs that are to be added; gives what lets go of them.
   * @throws ApiError QUEUE_FULL.
   */
  keepPlaces(places: number): () => void {
    this.#refuseBeyondRoom(places);
    return this.#kept.keep(places);
  }

  /** Sends what waits while the batch has room. */
  fill(): void {
    while (this.#running.size < this.#options.maxBatchSize) {
      const attempt = this.#takeNext();
      if (attempt === null) return;
      this.#running.set(attempt.job.id, { ...attempt, sentAt: this.#options.now() });
      this.#options.send(attempt.job.frame);
    }
  }

  /** Ends a job within one step, wherever it is. Nothing more is told to its listener. */
  cancel(id: string): void {
    if (this.#again.delete(id) || this.#queue.remove(id) || !this.#running.delete(id)) return;
    this.#options.send({ type: 'cancel', id });
    this.#options.onFreed();
  }

  /** A job that was begun anew is told so: its listener hears of a second start. */
  started(frame: FrameOf<'started'>): void {
    this.#tell(this.#running.get(frame.id)?.job, (job) => {
      job.listener.started(frame.prompt_tokens, frame.cached_tokens, frame.image_tokens);
    });
  }

  outputs(outputs: readonly StepOutput[]): void {
    let isFreed = false;
    let tokens = 0;
    for (const output of outputs) {
      const attempt = this.#running.get(output.id);
      if (attempt === undefined) continue;
      tokens += output.tokens.length;
      if (output.finish !== undefined) {
        this.#running.delete(output.id);
        if (attempt.sentAt !== null) this.#times.add(this.#options.now() - attempt.sentAt);
        isFreed = true;
      } else if (!attempt.hasOutput) {
        this.#running.set(output.id, { ...attempt, hasOutput: true });
      }
      this.#tell(attempt.job, ({ listener }) => {
        listener.output(output);
      });
    }
    this.#options.throughput.add(tokens, this.#options.now());
    if (isFreed) this.#options.onFreed();
  }

  failed(frame: FrameOf<'failed'>): void {
    const attempt = this.#running.get(frame.id);
    if (attempt === undefined) return;
    this.#running.delete(frame.id);
    this.#tell(attempt.job, ({ listener }) => {
      listener.failed(requestError(frame));
    });
    this.#options.onFreed();
  }

  /** The worker has died: what it held is begun anew before anything else, or fails. */
  crashed(reason: string): void {
    const attempts = [...this.#running.values()];
    this.#running.clear();
    const ends = attempts.map((attempt) => ({ job: attempt.job, end: afterCrash(attempt) }));
    // All of them before the first is told of its failure, which may cancel others of its request.
    for (const { job, end } of ends) if (end.kind === 'again') this.#again.set(job.id, end.attempt);
    for (const { job, end } of ends) {
      if (end.kind === 'failed') this.#fail(job, workerCrashed(this.#options.model, reason, end.crashes));
    }
  }

  failRunning(error: ApiError): void {
    const jobs = Array.from(this.#running.values(), ({ job }) => job);
    for (const { id } of jobs) this.#options.send({ type: 'cancel', id });
    this.#running.clear();
    for (const job of jobs) this.#fail(job, error);
  }

  failWaiting(error: ApiError): void {
    const jobs = [...Array.from(this.#again.values(), ({ job }) => job), ...this.#queue.takeAll()];
    this.#again.clear();
    for (const job of jobs) this.#fail(job, error);
  }

  /** Fails the jobs that have waited too long for a turn. */
  expire(now: number): void {
    for (const job of this.#queue.takeExpired(now)) {
      const seconds = LONGEST_WAIT_MS[job.priority] / 1000;
      const message = `The request waited ${String(seconds)} s for a turn of model '${this.#options.model}'.`;
      this.#fail(job, new ApiError(API_ERRORS.QUEUE_TIMEOUT, message, { retryAfter: this.#retryAfter() }));
    }
  }

  /** The time that the model took to load was no waiting for a turn. */
  restartClocks(): void {
    this.#queue.restartClocks(this.#options.now());
  }

  #refuseBeyondRoom(more: number): void {
    const { queueDepth, maxBatchSize, model } = this.#options;
    const waiting = this.waitingCount + this.#kept.count;
    if (this.runningCount + waiting + more <= maxBatchSize + queueDepth) return;
    throw queueFull(model, this.runningCount, waiting, this.#retryAfter());
  }

  #takeNext(): JobAttempt | null {
    for (const [id, attempt] of this.#again) {
      this.#again.delete(id);
      return attempt;
    }
    const job = this.#queue.takeNext();
    return job === null ? null : { job, crashes: 0, hasOutput: false, sentAt: null };
  }

  /** Seconds after which a client for whom there is no place should come again. */
  #retryAfter(): number {
    return this.#times.retryAfterSeconds(this.waitingCount, this.#options.maxBatchSize);
  }

  #fail(job: Job, error: ApiError): void {
    this.#tell(job, ({ listener }) => {
      listener.failed(error);
    });
  }

  /** A failure in what is done with one request must not reach the others of its step. */
  #tell(job: Job | undefined, tell: (job: Job) => void): void {
    if (job === undefined) return;
    try {
      tell(job);
    } catch (error) {
      this.#options.log.error({ err: error }, 'an answer could not be delivered');
      this.cancel(job.id);
    }
  }
}
