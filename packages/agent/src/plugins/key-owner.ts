import type { FastifyRequest } from 'fastify';
import { apiKey, sha256 } from './api-key.ts';

/** Whom responses and cached prompts belong to: the SHA-256 of the request's API key, or nothing where it has none. */
export function keyOwner(request: FastifyRequest): string {
  const key = apiKey(request);
  return key === undefined ? '' : sha256(key).toString('hex');
}

/**
 * Among whose prompts a worker may look for what a prompt begins with. How quickly an answer begins, and the count of
 * cached tokens, say whether somebody sent the same before: holders of different keys must not learn that of each other.
 * Null, for all clients together, where at most one key is configured.
 */
export function cacheScope(request: FastifyRequest, keyHashes: readonly string[]): string | null {
  return keyHashes.length > 1 ? keyOwner(request) : null;
}
