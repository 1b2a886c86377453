import { type Readable, Transform } from 'node:stream';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { sizeText } from './size-text.ts';

export interface BodiesInFlight {
  /** Bytes of all bodies of open requests together. */
  readonly mostBytes: number;
  /** Bytes by which the room of a body of unknown length grows while it is read. */
  readonly stepBytes: number;
}

/**
 * Queues bound how many requests wait, and are looked at only when a body is there: without this, as many large ones as
 * there are connections would be in memory at once. A step is as long as a text may be.
 */
const BOUNDS: BodiesInFlight = { mostBytes: 256 * 1024 * 1024, stepBytes: 16 * 1024 * 1024 };
/** Seconds: a request that is as large as all that takes a moment to be read, and another to be answered. */
const RETRY_SECONDS = 5;

/**
 * Refuses requests whose bodies have no room beside those that are open. A body counts until its request is answered,
 * since what waits for a model is kept. One that does not say how long it is counts by steps until all of it is there, and
 * by its own length from then on: proxies send even short ones so, and where images are taken it may be very long. To be
 * installed after everything that refuses by the head of a request alone.
 */
export function installBodiesInFlight(
  app: FastifyInstance,
  { mostBytes, stepBytes }: BodiesInFlight = BOUNDS,
): void {
  let openBytes = 0;
  const held = new WeakMap<FastifyRequest, number>();
  const hold = (request: FastifyRequest, bytes: number): void => {
    const before = held.get(request) ?? 0;
    if (bytes > before && openBytes + bytes - before > mostBytes) throw noRoom(mostBytes);
    openBytes += bytes - before;
    held.set(request, bytes);
  };
  app.addHook('onRequest', async (request, reply) => {
    const bytes = firstBytes(request, stepBytes);
    if (bytes === 0) return;
    hold(request, bytes);
    // Whatever becomes of it: answered, refused, or its client gone.
    reply.raw.once('close', () => {
      hold(request, 0);
    });
  });
  app.addHook('preParsing', async (request, _, payload) => {
    if (!isOfUnknownLength(request)) return payload;
    const { bodyLimit } = request.routeOptions;
    return watched(payload, {
      // What is left of a body that was refused as too long may be read and thrown away, also after its answer.
      grown: (bytes) => {
        const before = held.get(request) ?? 0;
        if (before === 0 || bytes <= before) return;
        hold(request, Math.min(Math.ceil(bytes / stepBytes) * stepBytes, bodyLimit));
      },
      read: (bytes) => {
        hold(request, Math.min(bytes, held.get(request) ?? 0));
      },
    });
  });
}

function noRoom(mostBytes: number): ApiError {
  return new ApiError(
    API_ERRORS.BODIES_IN_FLIGHT,
    `The bodies of the requests that are open may have ${sizeText(mostBytes)} together, and this one has no room beside them: send fewer large ones at a time.`,
    { retryAfter: RETRY_SECONDS },
  );
}

/** What is known to be needed before the body is read. */
function firstBytes(request: FastifyRequest, stepBytes: number): number {
  const { bodyLimit } = request.routeOptions;
  if (isOfUnknownLength(request)) return Math.min(stepBytes, bodyLimit);
  return Math.min(Number(request.headers['content-length'] ?? 0), bodyLimit);
}

function isOfUnknownLength({ headers }: FastifyRequest): boolean {
  return headers['transfer-encoding'] !== undefined;
}

interface BodyWatch {
  /** Told the bytes so far, before they are passed on; an error that it throws ends the body. */
  readonly grown: (bytes: number) => void;
  /** Told all of them at the end. */
  readonly read: (bytes: number) => void;
}

/** The same body, counted on its way to whoever reads it. */
function watched(body: Readable, { grown, read }: BodyWatch): Readable {
  let bytes = 0;
  const counter = new Transform({
    transform: (chunk: Uint8Array, _, passOn) => {
      bytes += chunk.length;
      try {
        grown(bytes);
        passOn(null, chunk);
      } catch (error) {
        // The rest is read and thrown away, so that the client gets to the answer.
        body.unpipe(counter);
        body.resume();
        passOn(error instanceof Error ? error : new Error(String(error)));
      }
    },
    flush: (passOn) => {
      read(bytes);
      passOn();
    },
  });
  // Its reader listens only while it reads.
  counter.on('error', () => {});
  body.once('error', (error) => counter.destroy(error));
  return body.pipe(counter);
}
