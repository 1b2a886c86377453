import type { IncomingMessage, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, LogController, type RawServerDefault } from 'fastify';
import type { Logger } from 'pino';
import { installApiErrors, sendError } from './plugins/api-errors.ts';
import { installContentEncoding } from './plugins/content-encoding.ts';
import { installJsonBody } from './plugins/json-body.ts';
import { answerMalformed } from './plugins/malformed-request.ts';
import { installRequestId, requestId } from './plugins/request-id.ts';

/** Bodies of routes that take none or a small one. */
const SMALL_BODY_BYTES = 64 * 1024;
/** A client has so long to send its request: slow ones must not hold connections for ever. */
const REQUEST_RECEIVE_MS = 120_000;

/** What main and admin API have in common: request ids, errors in one shape, a log line for what went wrong. */
export function baseApp(log: Logger): FastifyInstance {
  const app = Fastify<RawServerDefault, IncomingMessage, ServerResponse>({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    bodyLimit: SMALL_BODY_BYTES,
    requestTimeout: REQUEST_RECEIVE_MS,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: sendError,
    clientErrorHandler({ code }, socket) {
      answerMalformed(code, socket);
    },
  });
  // A plain text or a form would let a web page write without asking first (CORS preflight).
  app.removeContentTypeParser('text/plain');
  installJsonBody(app);
  installRequestId(app);
  installApiErrors(app);
  installContentEncoding(app);
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode < 400) return;
    const route = request.routeOptions.url ?? 'unknown';
    request.log.warn({ method: request.method, route, status: reply.statusCode }, 'refused or failed');
  });
  return app;
}
