import type { FastifyBaseLogger } from 'fastify';
import { ApiError } from '../api-error.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { ClientGone } from './client-gone.ts';

/**
 * What is counted and logged of one request to a model. Models count when they are found: a name that a client made up would
 * be a label, and memory, for ever. Nor is it logged.
 */
export class RequestAccount {
  readonly #metrics: Metrics;
  readonly #log: FastifyBaseLogger;
  readonly #fields: Readonly<Record<string, unknown>>;
  #labels: { model_name?: string } = {};

  /** @param fields of each line in the log, besides the model. */
  constructor(metrics: Metrics, log: FastifyBaseLogger, fields: Readonly<Record<string, unknown>>) {
    this.#metrics = metrics;
    this.#log = log;
    this.#fields = fields;
  }

  /** Empty while the model is not known. */
  get labels(): { readonly model_name?: string } {
    return this.#labels;
  }

  found({ id }: { readonly id: string }): void {
    this.#labels = { model_name: id };
  }

  answered(): void {
    this.#note('answered');
  }

  clientGone(): void {
    this.#note('the client went away');
  }

  /** Counts an end before its time. */
  count(error: unknown): void {
    if (error instanceof ClientGone) this.#metrics.cancelled.inc(this.#labels);
    if (!(error instanceof ApiError)) return;
    this.#metrics.failures.inc({ ...this.#labels, code: error.code.toLowerCase() });
  }

  #note(what: string): void {
    this.#log.info({ model: this.#labels.model_name, ...this.#fields }, what);
  }
}
