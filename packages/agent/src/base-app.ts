import type { IncomingMessage, ServerResponse } from 'node:http';
import Fastify, { type FastifyInstance, LogController, type RawServerDefault } from 'fastify';
import type { Logger } from 'pino';
import { installApiErrors, sendError } from './plugins/api-errors.ts';
import { installContentEncoding } from './plugins/content-encoding.ts';
import { installJsonBody } from './plugins/json-body.ts';
import { answerMalformed } from './plugins/malformed-request.ts';
import { installRefusalLog } from './plugins/refusal-log.ts';
import { installRequestId, requestId } from './plugins/request-id.ts';
import { installUnreadAnswers } from './plugins/unread-answers.ts';

/** Bodies of routes that take none or a small one. */
const SMALL_BODY_BYTES = 64 * 1024;
/** A client has so long to send its request: slow ones must not hold connections for ever. */
const REQUEST_RECEIVE_MS = 120_000;
/** A client may stop reading its answer for so long. */
const UNREAD_MS = 120_000;
/** More than all queues of a host hold, and few enough for the memory and the files of a process. */
const MOST_CONNECTIONS = 1024;

/** Bounds of connections; by default those of the product. */
export interface BaseAppOptions {
  /** Milliseconds that an answer may lie unread. */
  readonly unreadMs?: number;
  readonly mostConnections?: number;
}

/** What main and admin API have in common: request ids, errors in one shape, a log line for what went wrong. */
export function baseApp(
  log: Logger,
  { unreadMs = UNREAD_MS, mostConnections = MOST_CONNECTIONS }: BaseAppOptions = {},
): FastifyInstance {
  const app = Fastify<RawServerDefault, IncomingMessage, ServerResponse>({
    loggerInstance: log,
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: requestId,
    bodyLimit: SMALL_BODY_BYTES,
    requestTimeout: REQUEST_RECEIVE_MS,
    connectionTimeout: unreadMs,
    routerOptions: { maxParamLength: 1024 },
    frameworkErrors: sendError,
    clientErrorHandler({ code }, socket) {
      answerMalformed(code, socket);
    },
  });
  app.server.maxConnections = mostConnections;
  // A plain text or a form would let a web page write without asking first (CORS preflight).
  app.removeContentTypeParser('text/plain');
  installJsonBody(app);
  installRequestId(app);
  installRefusalLog(app);
  installUnreadAnswers(app);
  installApiErrors(app);
  installContentEncoding(app);
  return app;
}
