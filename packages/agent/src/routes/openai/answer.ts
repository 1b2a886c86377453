import { randomBytes } from 'node:crypto';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { ApiError } from '../../api-error.ts';
import { API_ERRORS } from '../../errors.ts';
import type { ModelRuntime } from '../../models/model-runtime.ts';
import type { AgentServices } from '../../state/agent-state.ts';
import type { AnswerFormat, FormatOptions } from './answer-format.ts';
import { type AnswerSink, ClientGone, Generation } from './generation.ts';
import type { GenerationPlan } from './generation-plan.ts';
import { StreamedAnswer } from './streamed-answer.ts';
import { WholeAnswer } from './whole-answer.ts';

export interface AnswerOptions {
  readonly plan: GenerationPlan;
  readonly stream: boolean;
  readonly includeUsage: boolean;
  readonly returnTokenIds: boolean;
  /** `chatcmpl` or `cmpl`. */
  readonly idPrefix: string;
  readonly format: (options: FormatOptions) => AnswerFormat;
}

/** Generates what the plan asks for and sends it, as a stream or whole. */
export async function answer(
  services: AgentServices,
  request: FastifyRequest,
  reply: FastifyReply,
  options: AnswerOptions,
): Promise<FastifyReply> {
  const { config, lifecycle, pool, metrics } = services;
  const { plan } = options;
  lifecycle.refuseWhenDraining();
  refuseTooMany(plan, config.queue_depth + config.max_batch_size);
  const ending = watch(reply, config.request_timeout_seconds);
  const id = `${options.idPrefix}-${randomBytes(12).toString('hex')}`;
  const format = options.format({
    header: { id, created: Math.floor(Date.now() / 1000), model: plan.model },
    includeUsage: options.includeUsage,
    returnTokenIds: options.returnTokenIds,
  });
  const begin: Begin = (runtime, sink) => {
    const generation = new Generation(runtime, plan, sink, metrics);
    ending.onEnd((reason) => {
      if (reason instanceof ApiError) generation.fail(reason);
      else generation.cancel();
    });
    generation.start(id);
    return generation;
  };
  try {
    const runtime = await ending.race(pool.acquire(plan.model));
    lifecycle.refuseWhenDraining();
    if (options.stream) await stream(runtime, services, reply, options, format, begin);
    else await whole(runtime, reply, plan, format, begin);
    request.log.info({ model: plan.model, id, stream: options.stream }, 'answered');
    return reply;
  } catch (error) {
    if (!(error instanceof ClientGone)) throw error;
    request.log.info({ model: plan.model, id }, 'the client went away');
    return reply.hijack();
  } finally {
    ending.release();
  }
}

type Begin = (runtime: ModelRuntime, sink: AnswerSink) => Generation;

async function whole(
  runtime: ModelRuntime,
  reply: FastifyReply,
  plan: GenerationPlan,
  format: AnswerFormat,
  begin: Begin,
): Promise<void> {
  const collected = new WholeAnswer(format, plan.prompts.length * plan.choicesPerPrompt);
  begin(runtime, collected);
  const json = await collected.outcome;
  void reply.header('content-type', 'application/json; charset=utf-8').send(json);
}

async function stream(
  runtime: ModelRuntime,
  services: AgentServices,
  reply: FastifyReply,
  options: AnswerOptions,
  format: AnswerFormat,
  begin: Begin,
): Promise<void> {
  let generation: Generation | null = null;
  const streamed = new StreamedAnswer({
    response: reply.raw,
    format,
    headers: { 'x-request-id': reply.request.id },
    includeUsage: options.includeUsage,
    returnTokenIds: options.returnTokenIds,
    heartbeatMs: services.heartbeatMs,
    onBegin: () => {
      reply.hijack();
    },
    onOverflow: (error) => generation?.fail(error),
  });
  try {
    generation = begin(runtime, streamed);
    await streamed.outcome;
  } finally {
    streamed.stop();
  }
}

/** More than this could never be queued, whenever it came. */
function refuseTooMany(plan: GenerationPlan, most: number): void {
  const choices = plan.prompts.length * plan.choicesPerPrompt;
  if (choices <= most) return;
  throw new ApiError(
    API_ERRORS.INVALID_VALUE,
    `The request asks for ${String(choices)} completions, and one request may have ${String(most)}.`,
    { param: plan.prompts.length > 1 ? 'prompt' : 'n' },
  );
}

interface Ending {
  /** Calls back at most once, with what ended the request early. */
  onEnd(listener: (reason: unknown) => void): void;
  /** The promise, or a rejection as soon as the client is gone or the time is up. */
  race<T>(promise: Promise<T>): Promise<T>;
  /** Stops watching. */
  release(): void;
}

/** Watches for what ends a request early: its client goes away, or its time is up. */
function watch(reply: FastifyReply, timeoutSeconds: number): Ending {
  const controller = new AbortController();
  const { signal } = controller;
  const onClose = (): void => {
    if (!reply.raw.writableFinished) controller.abort(new ClientGone());
  };
  reply.raw.once('close', onClose);
  const timer = setTimeout(() => {
    const message = `The request ran longer than ${String(timeoutSeconds)} s.`;
    controller.abort(new ApiError(API_ERRORS.REQUEST_TIMEOUT, message));
  }, timeoutSeconds * 1000);
  const onEnd = (listener: (reason: unknown) => void): void => {
    signal.addEventListener('abort', () => {
      listener(signal.reason);
    });
  };
  return {
    onEnd,
    race: async (promise) =>
      await Promise.race([
        promise,
        new Promise<never>((_, reject) => {
          onEnd(reject);
        }),
      ]),
    release: () => {
      clearTimeout(timer);
      reply.raw.removeListener('close', onClose);
    },
  };
}
