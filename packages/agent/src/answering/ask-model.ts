import type { Media } from '@mlxfleet/protocol';
import type { FastifyReply } from 'fastify';
import type { AgentServices } from '../agent-services.ts';
import type { Attachment } from '../media/attachment.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { ApiError } from '../api-error.ts';
import { ClientGone } from './client-gone.ts';
import { placed } from './place-in-request.ts';
import { refuseLongText } from './refuse-long-text.ts';
import { RequestAccount } from './request-account.ts';
import { watchEnding } from './request-ending.ts';
import { useMedia } from './use-media.ts';

/** A question of one request to its model. */
export interface Asking<Answer> {
  readonly model: string;
  /** What the model is shown; none when absent. */
  readonly attachments?: readonly Attachment[];
  /**
   * Whether the model can be asked this at all: before its images are looked at.
   * @throws ApiError where it cannot.
   */
  check?(runtime: ModelRuntime): void;
  /** @param media the attachments as files. */
  ask(runtime: ModelRuntime, signal: AbortSignal, media: readonly Media[]): Promise<Answer>;
}

/**
 * Answers a request with one JSON document that a model is asked for. Its client's going away, or the end of its time,
 * ends the question wherever it is.
 */
export async function askModel<Answer>(
  services: AgentServices,
  reply: FastifyReply,
  asking: Asking<Answer>,
): Promise<FastifyReply> {
  const { config, lifecycle, pool, metrics } = services;
  const { model, attachments = [] } = asking;
  lifecycle.refuseWhenDraining();
  refuseLongText(reply.request, attachments);
  const begun = performance.now();
  const { log, routeOptions } = reply.request;
  const route = routeOptions.url ?? 'unknown';
  const ending = watchEnding(reply, config.request_timeout_seconds);
  const account = new RequestAccount(metrics, log, { route });
  try {
    const answer = await useMedia(services, {
      attachments,
      signal: ending.signal,
      acquire: async () => {
        const runtime = await ending.race(pool.acquire(model));
        account.found(runtime);
        asking.check?.(runtime);
        return runtime;
      },
      keepPlaces: (runtime) => runtime.keepQuestionPlace(),
      use: async (runtime, media) => await asking.ask(runtime, ending.signal, media),
    });
    metrics.questionLatency.observe({ ...account.labels, route }, (performance.now() - begun) / 1000);
    void reply.send(answer);
    account.answered();
    return reply;
  } catch (error) {
    account.count(error);
    if (error instanceof ApiError) throw placed(error, reply.request.body);
    if (!(error instanceof ClientGone)) throw error;
    account.clientGone();
    return reply.hijack();
  } finally {
    ending.release();
  }
}
