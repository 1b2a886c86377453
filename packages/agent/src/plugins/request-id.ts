import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import type { FastifyInstance } from 'fastify';

/** What may go into logs and headers as it came. */
const SAFE_ID = /^[A-Za-z0-9._:/-]{1,128}$/;

/** The client's X-Request-Id when it is harmless, else a new one. */
export function requestId(request: Pick<IncomingMessage, 'headers'>): string {
  const given = request.headers['x-request-id'];
  return typeof given === 'string' && SAFE_ID.test(given) ? given : `req-${randomUUID()}`;
}

/** Every answer carries the id that the logs know it by. */
export function installRequestId(app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.header('x-request-id', request.id);
  });
}
