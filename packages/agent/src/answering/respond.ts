import type { OutgoingHttpHeaders } from 'node:http';
import type { Media } from '@mlxfleet/protocol';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { AgentServices } from '../agent-services.ts';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { cacheScope } from '../plugins/key-owner.ts';
import { ClientGone } from './client-gone.ts';
import { EventStream } from './event-stream.ts';
import { type AnswerSink, Generation } from './generation.ts';
import { type GenerationPlan, shown } from './generation-plan.ts';
import { placed } from './place-in-request.ts';
import { refuseLongText } from './refuse-long-text.ts';
import { RequestAccount } from './request-account.ts';
import { watchEnding } from './request-ending.ts';
import { requireTask } from './require-task.ts';
import { useMedia } from './use-media.ts';

/** Collects an answer that is sent whole. */
export interface WholeSink extends AnswerSink {
  /** The body as JSON; rejects with what ended the request. */
  readonly outcome: Promise<string>;
}

/** One request of any API that generates: what it asks for, and how its answer looks. */
export interface Answering {
  readonly plan: GenerationPlan;
  /** Names the request towards its worker and in the log. */
  readonly id: string;
  readonly stream: boolean;
  /** Said in streams while there is nothing to tell: an event, or a comment, without meaning. */
  readonly heartbeat: string;
  /** Further headers of the answer. */
  readonly headers?: OutgoingHttpHeaders;
  whole(): WholeSink;
  streamed(stream: EventStream): AnswerSink;
}

/** A comment, which clients of server-sent events skip. */
export const COMMENT_HEARTBEAT = ': waiting\n\n';

/**
 * Generates and sends an answer, as a stream or whole. Its client's going away, or the end of its time, ends the request
 * wherever it is.
 */
export async function respond(
  services: AgentServices,
  request: FastifyRequest,
  reply: FastifyReply,
  answering: Answering,
): Promise<FastifyReply> {
  const { config, lifecycle, pool, metrics } = services;
  const { plan, id } = answering;
  lifecycle.refuseWhenDraining();
  refuseLongText(request, plan.attachments);
  refuseTooMany(plan, config.queue_depth + config.max_batch_size);
  const ending = watchEnding(reply, config.request_timeout_seconds);
  const account = new RequestAccount(metrics, request.log, { id, stream: answering.stream });
  let hasBegun = false;
  try {
    const acquire = async (): Promise<ModelRuntime> => {
      const runtime = await ending.race(pool.acquire(plan.model));
      account.found(runtime);
      requireTask(runtime, 'generate');
      return runtime;
    };
    const use = async (runtime: ModelRuntime, media: readonly Media[]): Promise<void> => {
      const begin: Begin = (sink) => {
        const generation = new Generation(runtime, shown(plan, media), sink, metrics, (error) =>
          placed(error, request.body),
        );
        ending.onEnd((reason) => {
          if (reason instanceof ApiError) generation.fail(reason);
          else generation.cancel();
        });
        generation.start(id, cacheScope(request, config.api.key_hashes));
        hasBegun = true;
        return generation;
      };
      if (answering.stream) await stream(services, reply, answering, begin);
      else await whole(reply, answering, begin);
    };
    await useMedia(services, {
      attachments: plan.attachments,
      signal: ending.signal,
      acquire,
      keepPlaces: (runtime) => runtime.keepPlaces(choicesOf(plan)),
      use,
    });
    account.answered();
    return reply;
  } catch (error) {
    // What has begun counts its own end, also where only a stream tells of it.
    if (!hasBegun) account.count(error);
    if (!(error instanceof ClientGone)) throw error;
    account.clientGone();
    return reply.hijack();
  } finally {
    ending.release();
  }
}

type Begin = (sink: AnswerSink) => Generation;

async function whole(reply: FastifyReply, answering: Answering, begin: Begin): Promise<void> {
  const collected = answering.whole();
  begin(collected);
  const json = await collected.outcome;
  void reply.headers({ ...answering.headers, 'content-type': 'application/json; charset=utf-8' }).send(json);
}

async function stream(
  services: AgentServices,
  reply: FastifyReply,
  answering: Answering,
  begin: Begin,
): Promise<void> {
  let generation: Generation | null = null;
  const events = new EventStream({
    response: reply.raw,
    headers: answering.headers ?? {},
    heartbeatMs: services.heartbeatMs,
    heartbeat: answering.heartbeat,
    onBegin: () => {
      // Fastify would have sent what hooks have set.
      for (const [name, value] of Object.entries(reply.getHeaders())) {
        if (value !== undefined) reply.raw.setHeader(name, value);
      }
      reply.hijack();
    },
    onOverflow: (error) => generation?.fail(error),
  });
  try {
    generation = begin(answering.streamed(events));
    await events.outcome;
  } finally {
    events.quieten();
  }
}

/** More than this could never be queued, whenever it came. */
function refuseTooMany(plan: GenerationPlan, most: number): void {
  const choices = choicesOf(plan);
  if (choices <= most) return;
  throw new ApiError(
    API_ERRORS.INVALID_VALUE,
    `The request asks for ${String(choices)} completions, and one request may have ${String(most)} (max_batch_size plus queue_depth).`,
    { param: plan.prompts.length > 1 ? 'prompt' : 'n' },
  );
}

function choicesOf({ prompts, choicesPerPrompt }: GenerationPlan): number {
  return prompts.length * choicesPerPrompt;
}
