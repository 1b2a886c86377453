import { createHash, timingSafeEqual } from 'node:crypto';
import { isLoopbackAddress } from '@mlxfleet/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { hostName, isPrivateName } from './host-names.ts';

export interface ApiKeyOptions {
  /** SHA-256 of each accepted key, hexadecimal; none means that any key, or none, is accepted. */
  readonly keyHashes: readonly string[];
  /** Accepted in place of a key from this machine, in the header x-admin-token. */
  readonly adminToken: string;
}

/** Asks for a key, and keeps foreign web pages away from an API without keys. */
export function installApiKey(app: FastifyInstance, options: ApiKeyOptions): void {
  const hashes = options.keyHashes.map((hash) => Buffer.from(hash, 'hex'));
  const adminHash = sha256(options.adminToken);
  app.addHook('onRequest', async (request) => {
    // Also beyond loopback: a page in a browser of the same network reaches this API as well.
    if (hashes.length === 0) refuseForeignName(request);
    // The route that the router found, not the URL as it came: `/%761/models` and `http://x/v1/models` lead there too.
    // Where there is none, there is nothing to protect.
    const { url, config } = request.routeOptions;
    if (hashes.length === 0 || url === undefined || config.withoutKey === true) return;
    if (isAdmin(request, adminHash)) return;
    const key = apiKey(request);
    if (key !== undefined && matches(key, hashes)) return;
    const message = key === undefined ? 'An API key is required.' : 'The API key is not known.';
    throw new ApiError(API_ERRORS.INVALID_API_KEY, message);
  });
}

/** The key that a request carries, in the header of OpenAI's clients or in that of Anthropic's. */
export function apiKey(request: FastifyRequest): string | undefined {
  const given = bearer(request) ?? request.headers['x-api-key'];
  return typeof given === 'string' ? given : undefined;
}

/** The key of an `Authorization: Bearer` header; undefined when there is none. */
export function bearer(request: FastifyRequest): string | undefined {
  return /^Bearer +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}

/** Whether the request comes from this machine and carries the admin token, given by its hash. */
export function isAdmin(request: FastifyRequest, adminHash: Buffer): boolean {
  const adminToken = request.headers['x-admin-token'];
  return typeof adminToken === 'string' && isFromHere(request) && matches(adminToken, [adminHash]);
}

/** Whether the secret has one of the hashes. Takes as long for a wrong one as for a right one. */
export function matches(secret: string, hashes: readonly Buffer[]): boolean {
  const hash = sha256(secret);
  let found = false;
  for (const accepted of hashes) {
    // No early end: how long it takes must not tell which key was near.
    if (timingSafeEqual(accepted, hash)) found = true;
  }
  return found;
}

export function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}

function refuseForeignName(request: FastifyRequest): void {
  const header = request.headers.host;
  if (header === undefined || isPrivateName(hostName(header))) return;
  throw new ApiError(
    API_ERRORS.HOST_NOT_ALLOWED,
    'The Host header names a foreign host. Use localhost, an address or a .local name; under any other name this API serves only with keys (api.keys).',
  );
}

/** A connection from this machine to itself has loopback, or the same address at both ends. */
function isFromHere(request: FastifyRequest): boolean {
  const { remoteAddress, localAddress } = request.socket;
  const remote = remoteAddress?.replace(/^::ffff:/, '') ?? '';
  return isLoopbackAddress(remote) || (remote !== '' && remote === localAddress?.replace(/^::ffff:/, ''));
}
