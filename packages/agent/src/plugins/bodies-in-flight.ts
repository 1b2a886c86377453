import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/**
 * Bytes of all bodies of open requests together. Queues bound how many requests wait, and are looked at only when a body
 * is there: without this, as many large ones as there are connections would be in memory at once.
 */
const MOST_BYTES = 256 * 1024 * 1024;
/** Seconds: a request that is as large as all that takes a moment to be read, and another to be answered. */
const RETRY_SECONDS = 5;

/**
 * Refuses requests whose bodies have no room beside those that are open. A body counts until its request is answered,
 * since what waits for a model is kept. To be installed after everything that refuses by the head of a request alone.
 */
export function installBodiesInFlight(app: FastifyInstance, mostBytes = MOST_BYTES): void {
  let openBytes = 0;
  app.addHook('onRequest', async (request, reply) => {
    const bytes = bodyBytes(request);
    if (bytes === 0) return;
    if (openBytes + bytes > mostBytes) {
      throw new ApiError(
        API_ERRORS.BODIES_IN_FLIGHT,
        'The agent holds as many bytes of requests as it takes at a time.',
        { retryAfter: RETRY_SECONDS },
      );
    }
    openBytes += bytes;
    // Whatever becomes of it: answered, refused, or its client gone.
    reply.raw.once('close', () => {
      openBytes -= bytes;
    });
  });
}

/** The most that is read of the body: one that does not say how long it is may be as long as its route takes. */
function bodyBytes({ headers, routeOptions: { bodyLimit } }: FastifyRequest): number {
  if (headers['transfer-encoding'] !== undefined) return bodyLimit;
  return Math.min(Number(headers['content-length'] ?? 0), bodyLimit);
}
