import type { RateLimit } from '@mlxfleet/protocol';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { ApiError } from '../api-error.ts';
import { API_ERRORS } from '../errors.ts';
import { apiKey, isAdmin, sha256 } from './api-key.ts';
import { type Bucket, type BucketLimit, fullBucket, takeToken } from './rate-limit-bucket.ts';
import { makesModelWork } from './route-config.ts';

export interface RateLimitOptions {
  /** Null is no limit. */
  readonly limit: RateLimit | null;
  /** SHA-256 of each accepted key, hexadecimal. */
  readonly keyHashes: readonly string[];
  /** Requests with it, from this machine, are not counted. */
  readonly adminToken: string;
  /** Steady clock, milliseconds. */
  readonly now: () => number;
  readonly onRefused: () => void;
}

/** Whoever has shown no key that counts. */
const ANONYMOUS = 'anonymous';

/**
 * Bounds how often each API key may make a model work. To be installed after the check of keys. A key that nobody checks
 * tells nothing about who sends it, so without configured keys all clients share one bucket: otherwise a new key
 * with each request would be a way round, and memory without bound.
 */
export function installRateLimit(app: FastifyInstance, options: RateLimitOptions): void {
  if (options.limit === null) return;
  const limit: BucketLimit = { perMinute: options.limit.per_minute, burst: options.limit.burst };
  const known: ReadonlySet<string> = new Set(options.keyHashes);
  const adminHash = sha256(options.adminToken);
  const whose =
    known.size === 0 ? 'No API keys are configured, and all clients together may' : 'This API key may';
  const buckets = new Map<string, Bucket>();
  app.addHook('onRequest', async (request) => {
    if (!makesModelWork(request) || isAdmin(request, adminHash)) return;
    const client = clientOf(request, known);
    const now = options.now();
    const taken = takeToken(buckets.get(client) ?? fullBucket(limit, now), limit, now);
    buckets.set(client, taken.bucket);
    if (taken.retryAfterSeconds === null) return;
    options.onRefused();
    throw new ApiError(
      API_ERRORS.RATE_LIMIT_EXCEEDED,
      `${whose} send ${String(limit.perMinute)} requests a minute, and ${String(limit.burst)} at once.`,
      { retryAfter: taken.retryAfterSeconds },
    );
  });
}

function clientOf(request: FastifyRequest, known: ReadonlySet<string>): string {
  const key = apiKey(request);
  const hash = key === undefined ? ANONYMOUS : sha256(key).toString('hex');
  return known.has(hash) ? hash : ANONYMOUS;
}
