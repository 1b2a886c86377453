import type { StepOutput, WorkerReply, WorkerRequest } from '@mlxfleet/protocol';
import type { Logger } from 'pino';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { Job } from '../scheduler/job.ts';
import { LONGEST_WAIT_MS, RequestQueue } from '../scheduler/request-queue.ts';
import type { Throughput } from '../state/throughput.ts';
import { requestError } from './request-error.ts';

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

type FrameOf<Type extends WorkerReply['type']> = Extract<WorkerReply, { type: Type }>;

/** Seconds after which a client of a full queue should come again. */
const QUEUE_FULL_RETRY_SECONDS = 2;

/** The jobs of one model, those that wait and those that its worker holds. The only writer of both. */
export class JobDispatch {
  readonly #options: JobDispatchOptions;
  readonly #queue = new RequestQueue<Job>();
  readonly #running = new Map<string, Job>();

  constructor(options: JobDispatchOptions) {
    this.#options = options;
  }

  get runningCount(): number {
    return this.#running.size;
  }

  get waitingCount(): number {
    return this.#queue.size;
  }

  /**
   * Takes jobs in, all or none.
   * @throws ApiError QUEUE_FULL.
   */
  add(jobs: readonly Job[]): void {
    const { queueDepth, maxBatchSize, model, now } = this.#options;
    if (this.runningCount + this.waitingCount + jobs.length > maxBatchSize + queueDepth) {
      throw new ApiError(
        API_ERRORS.QUEUE_FULL,
        `The queue of model '${model}' is full: ${String(this.runningCount)} requests run and ${String(this.waitingCount)} wait.`,
        { retryAfter: QUEUE_FULL_RETRY_SECONDS },
      );
    }
    for (const job of jobs) this.#queue.add(job, now());
  }

  /** Sends what waits while the batch has room. */
  fill(): void {
    while (this.#running.size < this.#options.maxBatchSize) {
      const job = this.#queue.takeNext();
      if (job === null) return;
      this.#running.set(job.id, job);
      this.#options.send(job.frame);
    }
  }

  /** Ends a job within one step, wherever it is. Nothing more is told to its listener. */
  cancel(id: string): void {
    if (this.#queue.remove(id) || !this.#running.delete(id)) return;
    this.#options.send({ type: 'cancel', id });
    this.#options.onFreed();
  }

  started(frame: FrameOf<'started'>): void {
    this.#tell(this.#running.get(frame.id), (job) => {
      job.listener.started(frame.prompt_tokens, frame.cached_tokens);
    });
  }

  outputs(outputs: readonly StepOutput[]): void {
    let isFreed = false;
    let tokens = 0;
    for (const output of outputs) {
      const job = this.#running.get(output.id);
      if (job === undefined) continue;
      tokens += output.tokens.length;
      if (output.finish !== undefined) {
        this.#running.delete(output.id);
        isFreed = true;
      }
      this.#tell(job, ({ listener }) => {
        listener.output(output);
      });
    }
    this.#options.throughput.add(tokens, this.#options.now());
    if (isFreed) this.#options.onFreed();
  }

  failed(frame: FrameOf<'failed'>): void {
    const job = this.#running.get(frame.id);
    if (job === undefined) return;
    this.#running.delete(frame.id);
    this.#tell(job, ({ listener }) => {
      listener.failed(requestError(frame));
    });
    this.#options.onFreed();
  }

  failRunning(error: ApiError): void {
    const jobs = [...this.#running.values()];
    for (const { id } of jobs) this.#options.send({ type: 'cancel', id });
    this.#running.clear();
    this.#failAll(jobs, error);
  }

  failWaiting(error: ApiError): void {
    this.#failAll(this.#queue.takeAll(), error);
  }

  /** Fails the jobs that have waited too long for a turn. */
  expire(now: number): void {
    for (const job of this.#queue.takeExpired(now)) {
      const seconds = LONGEST_WAIT_MS[job.priority] / 1000;
      const message = `The request waited ${String(seconds)} s for a turn of model '${this.#options.model}'.`;
      this.#failAll(
        [job],
        new ApiError(API_ERRORS.QUEUE_TIMEOUT, message, { retryAfter: QUEUE_FULL_RETRY_SECONDS }),
      );
    }
  }

  /** The time that the model took to load was no waiting for a turn. */
  restartClocks(): void {
    this.#queue.restartClocks(this.#options.now());
  }

  #failAll(jobs: readonly Job[], error: ApiError): void {
    for (const job of jobs) {
      this.#tell(job, ({ listener }) => {
        listener.failed(error);
      });
    }
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
