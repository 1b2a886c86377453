import type { IncomingMessage } from 'node:http';
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
 * since what waits for a model is kept. One that does not say how long it is counts as long as it may be until all of it
 * is there, and by its own length from then on: proxies send even short ones so. To be installed after everything that
 * refuses by the head of a request alone.
 */
export function installBodiesInFlight(app: FastifyInstance, mostBytes = MOST_BYTES): void {
  let openBytes = 0;
  app.addHook('onRequest', async (request, reply) => {
    let held = mostBodyBytes(request);
    if (held === 0) return;
    if (openBytes + held > mostBytes) {
      throw new ApiError(
        API_ERRORS.BODIES_IN_FLIGHT,
        'The agent holds as many bytes of requests as it takes at a time.',
        { retryAfter: RETRY_SECONDS },
      );
    }
    const hold = (bytes: number): void => {
      openBytes += bytes - held;
      held = bytes;
    };
    openBytes += held;
    // Whatever becomes of it: answered, refused, or its client gone.
    reply.raw.once('close', () => {
      hold(0);
    });
    if (isOfUnknownLength(request)) {
      onceRead(request.raw, (bytes) => {
        // What is left of a body that was refused as too long may be read and thrown away, also after its answer.
        hold(Math.min(bytes, held));
      });
    }
  });
}

/** The most that is read of the body: one that does not say how long it is may be as long as its route takes. */
function mostBodyBytes(request: FastifyRequest): number {
  const { bodyLimit } = request.routeOptions;
  if (isOfUnknownLength(request)) return bodyLimit;
  return Math.min(Number(request.headers['content-length'] ?? 0), bodyLimit);
}

function isOfUnknownLength({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined;
}

/** Tells the bytes of a body when its last one has been read, without being the one that reads it. */
function onceRead(body: IncomingMessage, listener: (bytes: number) => void): void {
  let bytes = 0;
  // A listener would have it flow before its reader is there, unless it was told to wait.
  body.pause();
  body.on('data', (chunk: Uint8Array) => {
    bytes += chunk.length;
  });
  body.once('end', () => {
    listener(bytes);
  });
}
