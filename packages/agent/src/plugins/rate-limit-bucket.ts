export interface BucketLimit {
  /** Tokens that come back in a minute. */
  readonly perMinute: number;
  /** Tokens of a full bucket. */
  readonly burst: number;
}

export interface Bucket {
  readonly tokens: number;
  /** When `tokens` was right, milliseconds of any steady clock. */
  readonly at: number;
}

export interface Taken {
  readonly bucket: Bucket;
  /** Seconds until there is a token, when there was none; null when one was taken. */
  readonly retryAfterSeconds: number | null;
}

const MINUTE_MS = 60_000;

/** A bucket that nobody has taken from lately. */
export function fullBucket({ burst }: BucketLimit, now: number): Bucket {
  return { tokens: burst, at: now };
}

/** Takes one token, where there is one. A refusal costs nothing, so that clients that try too often are not locked out. */
export function takeToken(bucket: Bucket, limit: BucketLimit, now: number): Taken {
  const at = Math.max(now, bucket.at);
  const tokens = Math.min(limit.burst, bucket.tokens + ((at - bucket.at) * limit.perMinute) / MINUTE_MS);
  if (tokens >= 1) return { bucket: { tokens: tokens - 1, at }, retryAfterSeconds: null };
  const seconds = ((1 - tokens) / limit.perMinute) * 60;
  return { bucket: { tokens, at }, retryAfterSeconds: Math.max(1, Math.ceil(seconds)) };
}
