import type { FastifyRequest } from 'fastify';

/** Routes that make a model work. What bounds, or holds back, that work concerns these and no others. */
const GENERATION_ROUTES: ReadonlySet<string> = new Set([
  '/v1/chat/completions',
  '/v1/completions',
  '/v1/embeddings',
  '/v1/messages',
  '/v1/responses',
]);

/** By the route that the router found: the URL as it came may be spelt otherwise. */
export function isGeneration(request: FastifyRequest): boolean {
  return request.method === 'POST' && GENERATION_ROUTES.has(request.routeOptions.url ?? '');
}
