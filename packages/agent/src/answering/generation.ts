import type { ResponseTimings, StepOutput, Usage } from '@mlxfleet/protocol';
import type { ApiError } from '../api-error.ts';
import type { Metrics } from '../metrics/metrics.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { ClientGone } from './client-gone.ts';
import { frames, type GenerationPlan } from './generation-plan.ts';

/** How the worker ended a choice. */
export type Finish = NonNullable<StepOutput['finish']>;

/** The prompt of a choice as the worker counts it. */
export interface PromptCount {
  readonly tokens: number;
  /** How many of them came from a cache. */
  readonly cachedTokens: number;
  /** How many of them stand for images. */
  readonly imageTokens: number;
}

/**
 * Where the choices of one request go; `index` counts them over all prompts. After `done` or `failed` nothing more
 * comes.
 */
export interface AnswerSink {
  /** Once for each choice, right before its first output: what fails until then can have a status of its own. */
  started(index: number, prompt: PromptCount): void;
  /** All that one decoding step gave a choice; the last output of a choice comes right before its `finished`. */
  output(index: number, output: StepOutput): void;
  /** `last` is there for the choice that ends the request; `done` follows it. */
  finished(index: number, finish: Finish, last: Summary | null): void;
  done(summary: Summary): void;
  failed(error: ApiError | ClientGone): void;
}

export interface Summary {
  readonly usage: Usage;
  readonly timings: ResponseTimings;
}

interface Choice {
  /** Null until it has begun. */
  prompt: PromptCount | null;
  dispatchedSeconds: number;
  /** Whether its sink knows of it. */
  isTold: boolean;
  finish: Finish | null;
}

/** The part of a model that jobs are given to. */
type JobRunner = Pick<ModelRuntime, 'submit' | 'cancel'>;

/** All choices of one request: several jobs of one model whose fates are tied together. */
export class Generation {
  readonly #runtime: JobRunner;
  readonly #plan: GenerationPlan;
  readonly #sink: AnswerSink;
  readonly #metrics: Metrics;
  readonly #place: (error: ApiError) => ApiError;
  readonly #ids: string[];
  readonly #choices: Choice[];
  readonly #arrivedAt = performance.now();
  #unfinished: number;
  #ended = false;
  #sawToken = false;

  /** @param place says more closely of a worker's refusal what of the request it is about. */
  constructor(
    runtime: JobRunner,
    plan: GenerationPlan,
    sink: AnswerSink,
    metrics: Metrics,
    place: (error: ApiError) => ApiError = (error) => error,
  ) {
    this.#runtime = runtime;
    this.#plan = plan;
    this.#sink = sink;
    this.#metrics = metrics;
    this.#place = place;
    this.#unfinished = plan.prompts.length * plan.choicesPerPrompt;
    this.#ids = [];
    this.#choices = [];
  }

  /** @throws ApiError when the model takes no more requests. */
  start(completionId: string, cacheScope: string | null): void {
    const jobs = frames(this.#plan, completionId, cacheScope).map((frame, index) => {
      this.#ids.push(frame.id);
      this.#choices.push({ prompt: null, dispatchedSeconds: 0, isTold: false, finish: null });
      return {
        id: frame.id,
        frame,
        priority: this.#plan.priority,
        listener: {
          started: (tokens: number, cachedTokens: number, imageTokens: number) => {
            this.#onStarted(index, { tokens, cachedTokens, imageTokens });
          },
          output: (output: StepOutput) => {
            this.#onOutput(index, output);
          },
          failed: (error: ApiError) => {
            this.fail(this.#place(error));
          },
        },
      };
    });
    this.#runtime.submit(jobs);
  }

  /** The client went away. */
  cancel(): void {
    if (!this.#end()) return;
    this.#metrics.cancelled.inc({ model_name: this.#plan.model });
    this.#sink.failed(new ClientGone());
  }

  /** Ends what still runs and tells the client. */
  fail(error: ApiError): void {
    if (!this.#end()) return;
    this.#metrics.failures.inc({ model_name: this.#plan.model, code: error.code.toLowerCase() });
    this.#sink.failed(error);
  }

  #end(): boolean {
    if (this.#ended) return false;
    this.#ended = true;
    for (const [index, id] of this.#ids.entries()) {
      if (this.#choices[index]?.finish == null) this.#runtime.cancel(id);
    }
    return true;
  }

  /** A choice whose worker died before its first token is started again. */
  #onStarted(index: number, prompt: PromptCount): void {
    const choice = this.#choices[index];
    if (this.#ended || choice === undefined) return;
    choice.prompt = prompt;
    choice.dispatchedSeconds = this.#secondsSinceArrival();
  }

  #onOutput(index: number, output: StepOutput): void {
    const choice = this.#choices[index];
    if (this.#ended || choice?.prompt == null) return;
    if (!this.#sawToken) {
      this.#sawToken = true;
      const labels = { model_name: this.#plan.model };
      this.#metrics.timeToFirstToken.observe(labels, this.#secondsSinceArrival());
    }
    if (!choice.isTold) {
      choice.isTold = true;
      this.#sink.started(index, choice.prompt);
    }
    this.#sink.output(index, output);
    if (output.finish === undefined) return;
    choice.finish = output.finish;
    this.#unfinished -= 1;
    const last = this.#unfinished === 0 ? this.#summarise() : null;
    this.#sink.finished(index, output.finish, last);
    if (last === null) return;
    this.#ended = true;
    this.#observe(last);
    this.#sink.done(last);
  }

  #secondsSinceArrival(): number {
    return (performance.now() - this.#arrivedAt) / 1000;
  }

  /** A prompt counts once, however many choices it has. Times are those of the slowest choice. */
  #summarise(): Summary {
    let promptTokens = 0;
    let cachedTokens = 0;
    let imageTokens = 0;
    let completionTokens = 0;
    let reasoningTokens = 0;
    let queueSeconds = 0;
    let prefillSeconds = 0;
    let decodeSeconds = 0;
    for (const [index, choice] of this.#choices.entries()) {
      if (index % this.#plan.choicesPerPrompt === 0) {
        promptTokens += choice.prompt?.tokens ?? 0;
        cachedTokens += choice.prompt?.cachedTokens ?? 0;
        imageTokens += choice.prompt?.imageTokens ?? 0;
      }
      completionTokens += choice.finish?.completion_tokens ?? 0;
      reasoningTokens += choice.finish?.reasoning_tokens ?? 0;
      queueSeconds = Math.max(queueSeconds, choice.dispatchedSeconds);
      prefillSeconds = Math.max(prefillSeconds, choice.finish?.timings.prefill_seconds ?? 0);
      decodeSeconds = Math.max(decodeSeconds, choice.finish?.timings.decode_seconds ?? 0);
    }
    return {
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
        prompt_tokens_details: {
          cached_tokens: cachedTokens,
          ...(this.#plan.attachments.length === 0 ? {} : { image_tokens: imageTokens }),
        },
        completion_tokens_details: { reasoning_tokens: reasoningTokens },
      },
      timings: {
        queue_seconds: queueSeconds,
        prefill_seconds: prefillSeconds,
        decode_seconds: decodeSeconds,
        tokens_per_second: decodeSeconds === 0 ? null : completionTokens / decodeSeconds,
      },
    };
  }

  #observe({ usage, timings }: Summary): void {
    const labels = { model_name: this.#plan.model };
    const metrics = this.#metrics;
    metrics.promptTokens.inc(labels, usage.prompt_tokens);
    metrics.generationTokens.inc(labels, usage.completion_tokens);
    metrics.queueTime.observe(labels, timings.queue_seconds);
    metrics.prefillTime.observe(labels, timings.prefill_seconds);
    metrics.decodeTime.observe(labels, timings.decode_seconds);
    metrics.endToEnd.observe(labels, this.#secondsSinceArrival());
    const after = usage.completion_tokens - this.#choices.length;
    if (after > 0 && this.#choices.length === 1) {
      metrics.timePerOutputToken.observe(labels, timings.decode_seconds / after);
    }
    for (const choice of this.#choices) {
      metrics.success.inc({ ...labels, finished_reason: choice.finish?.reason ?? 'stop' });
    }
  }
}
