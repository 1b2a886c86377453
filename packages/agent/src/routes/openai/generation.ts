import type { FinishReason, ResponseTimings, StepOutput, Usage } from '@mlxfleet/protocol';
import type { ApiError } from '../../api-error.ts';
import type { ModelRuntime } from '../../models/model-runtime.ts';
import type { Metrics } from '../../state/metrics.ts';
import { frames, type GenerationPlan } from './generation-plan.ts';

/** Where the choices of one request go. After `done` or `failed` nothing more comes. */
export interface AnswerSink {
  started(index: number): void;
  output(index: number, text: string, tokens: readonly number[]): void;
  finished(index: number, reason: FinishReason, last: Summary | null): void;
  done(summary: Summary): void;
  failed(error: ApiError | ClientGone): void;
}

/** The end of a request whose client is gone: nobody is left to be told. */
export class ClientGone extends Error {}

export interface Summary {
  readonly usage: Usage;
  readonly timings: ResponseTimings;
}

interface Choice {
  promptTokens: number;
  cachedTokens: number;
  dispatchedSeconds: number;
  finish: NonNullable<StepOutput['finish']> | null;
}

/** All choices of one request: several jobs of one model whose fates are tied together. */
export class Generation {
  readonly #runtime: ModelRuntime;
  readonly #plan: GenerationPlan;
  readonly #sink: AnswerSink;
  readonly #metrics: Metrics;
  readonly #ids: string[];
  readonly #choices: Choice[];
  readonly #arrivedAt = performance.now();
  #unfinished: number;
  #ended = false;
  #sawToken = false;

  constructor(runtime: ModelRuntime, plan: GenerationPlan, sink: AnswerSink, metrics: Metrics) {
    this.#runtime = runtime;
    this.#plan = plan;
    this.#sink = sink;
    this.#metrics = metrics;
    this.#unfinished = plan.prompts.length * plan.choicesPerPrompt;
    this.#ids = [];
    this.#choices = [];
  }

  /** @throws ApiError when the model takes no more requests. */
  start(completionId: string): void {
    const jobs = frames(this.#plan, completionId).map((frame, index) => {
      this.#ids.push(frame.id);
      this.#choices.push({ promptTokens: 0, cachedTokens: 0, dispatchedSeconds: 0, finish: null });
      return {
        id: frame.id,
        frame,
        priority: this.#plan.priority,
        listener: {
          started: (promptTokens: number, cachedTokens: number) => {
            this.#onStarted(index, promptTokens, cachedTokens);
          },
          output: (output: StepOutput) => {
            this.#onOutput(index, output);
          },
          failed: (error: ApiError) => {
            this.fail(error);
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

  #onStarted(index: number, promptTokens: number, cachedTokens: number): void {
    const choice = this.#choices[index];
    if (this.#ended || choice === undefined) return;
    choice.promptTokens = promptTokens;
    choice.cachedTokens = cachedTokens;
    choice.dispatchedSeconds = this.#secondsSinceArrival();
    this.#sink.started(index);
  }

  #onOutput(index: number, output: StepOutput): void {
    const choice = this.#choices[index];
    if (this.#ended || choice === undefined) return;
    if (!this.#sawToken) {
      this.#sawToken = true;
      const labels = { model_name: this.#plan.model };
      this.#metrics.timeToFirstToken.observe(labels, this.#secondsSinceArrival());
    }
    this.#sink.output(index, output.text, output.tokens);
    if (output.finish === undefined) return;
    choice.finish = output.finish;
    this.#unfinished -= 1;
    const last = this.#unfinished === 0 ? this.#summarise() : null;
    this.#sink.finished(index, output.finish.reason, last);
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
    let completionTokens = 0;
    let queueSeconds = 0;
    let prefillSeconds = 0;
    let decodeSeconds = 0;
    for (const [index, choice] of this.#choices.entries()) {
      if (index % this.#plan.choicesPerPrompt === 0) {
        promptTokens += choice.promptTokens;
        cachedTokens += choice.cachedTokens;
      }
      completionTokens += choice.finish?.completion_tokens ?? 0;
      queueSeconds = Math.max(queueSeconds, choice.dispatchedSeconds);
      prefillSeconds = Math.max(prefillSeconds, choice.finish?.timings.prefill_seconds ?? 0);
      decodeSeconds = Math.max(decodeSeconds, choice.finish?.timings.decode_seconds ?? 0);
    }
    return {
      usage: {
        prompt_tokens: promptTokens,
        completion_tokens: completionTokens,
        total_tokens: promptTokens + completionTokens,
        prompt_tokens_details: { cached_tokens: cachedTokens },
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
