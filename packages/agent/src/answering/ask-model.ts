import type { FastifyReply } from 'fastify';
import type { AgentServices } from '../agent-services.ts';
import { ApiError } from '../api-error.ts';
import type { ModelRuntime } from '../models/runtime/model-runtime.ts';
import { ClientGone } from './client-gone.ts';
import { watchEnding } from './request-ending.ts';

/**
 * Answers a request with one JSON document that a model is asked for. Its client's going away, or the end of its time,
 * ends the question wherever it is.
 */
export async function askModel<Answer>(
  { config, lifecycle, pool, metrics }: AgentServices,
  reply: FastifyReply,
  model: string,
  ask: (runtime: ModelRuntime, signal: AbortSignal) => Promise<Answer>,
): Promise<FastifyReply> {
  lifecycle.refuseWhenDraining();
  const begun = performance.now();
  const { log, routeOptions } = reply.request;
  const route = routeOptions.url ?? 'unknown';
  const ending = watchEnding(reply, config.request_timeout_seconds);
  // Of the models there are: a name that a client made up would be a label, and memory, for ever. Nor is it logged.
  let labels: { model_name?: string } = {};
  const note = (what: string): void => {
    log.info({ model: labels.model_name, route }, what);
  };
  try {
    const runtime = await ending.race(pool.acquire(model));
    labels = { model_name: runtime.id };
    lifecycle.refuseWhenDraining();
    const answer = await ask(runtime, ending.signal);
    metrics.questionLatency.observe({ ...labels, route }, (performance.now() - begun) / 1000);
    void reply.send(answer);
    note('answered');
    return reply;
  } catch (error) {
    if (error instanceof ClientGone) {
      metrics.cancelled.inc(labels);
      note('the client went away');
      return reply.hijack();
    }
    if (error instanceof ApiError) metrics.failures.inc({ ...labels, code: error.code.toLowerCase() });
    throw error;
  } finally {
    ending.release();
  }
}
