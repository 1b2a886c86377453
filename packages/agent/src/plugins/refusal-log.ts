import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { ApiError } from '../api-error.ts';

/** A part of a field's path that is the API's own, and not a name or a word that the client made up. */
const OWN_NAME = /^(?:[a-z][a-z_]{0,39}|\d{1,6})$/;

const refusals = new WeakMap<FastifyRequest, ApiError>();

/** Notes with what a request is refused, for its line in the log. */
export function noteRefusal(request: FastifyRequest, error: ApiError): void {
  refusals.set(request, error);
}

/**
 * One line for each request that is refused or fails, by the id that its client was told. It has the code and the field,
 * and not the message, which may repeat what the client wrote: neither prompts nor keys get into the log. What probes hear
 * while the agent starts would fill the log: that is for debugging.
 */
export function installRefusalLog(app: FastifyInstance): void {
  app.addHook('onResponse', async (request, reply) => {
    if (reply.statusCode < 400) return;
    const error = refusals.get(request);
    const { probe } = request.routeOptions.config;
    const level = probe === true && reply.statusCode === 503 ? 'debug' : 'warn';
    request.log[level](
      {
        method: request.method,
        route: request.routeOptions.url ?? 'unknown',
        status: reply.statusCode,
        ...(error === undefined ? {} : told(error)),
        seconds: Math.round(reply.elapsedTime) / 1000,
      },
      'refused or failed',
    );
  });
}

function told({ code, definition, param }: ApiError): Readonly<Record<string, string>> {
  const what = { code: code.toLowerCase(), type: definition.type };
  if (param === null) return what;
  const parts = param.split('.').map((part) => (OWN_NAME.test(part) ? part : '*'));
  return { ...what, param: parts.join('.') };
}
