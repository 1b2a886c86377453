import type { FastifyInstance } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';

/** What of a header is repeated in an answer. */
const LONGEST_NAME = 40;

/** Refuses compressed bodies by name: read as they are, they would pass for broken JSON. */
export function installContentEncoding(app: FastifyInstance): void {
  app.addHook('preParsing', async (request, reply) => {
    const encoding = request.headers['content-encoding']?.trim() ?? '';
    if (encoding === '' || encoding.toLowerCase() === 'identity') return;
    reply.header('accept-encoding', 'identity');
    throw new ApiError(
      API_ERRORS.UNSUPPORTED_MEDIA_TYPE,
      `The request body has the Content-Encoding ${encoding.slice(0, LONGEST_NAME)}; it must come without one.`,
    );
  });
}
