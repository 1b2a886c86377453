import type { MemoryEstimate } from './memory-estimate.ts';

export interface ShareInput {
  readonly estimate: MemoryEstimate;
  /** What models may use together on this host, bytes. */
  readonly limitBytes: number;
  /** Shares of the models that are loaded beside it, bytes. */
  readonly givenBytes: number;
  /** Estimates of models that are to be loaded from the start and are not yet, bytes. */
  readonly promisedBytes: number;
  /** Further configured models that may be loaded beside it. */
  readonly others: number;
  /** Bytes for kept prefixes that the configuration asks for; null leaves it to us. */
  readonly prefixBytes: number | null;
}

export interface MemoryShare {
  /** What MLX may use in this worker. */
  readonly memoryLimitBytes: number;
  /** Of that, what may hold kept prefixes. */
  readonly prefixBytes: number;
}

/**
 * What one worker may use. It always gets its estimate, for which room has been made. What is left of the limit, after the
 * shares of others and what is promised, is headroom for more and longer requests. The headroom is divided evenly among
 * this model and the configured ones that are not loaded: MLX takes a limit once, when it starts, so one worker that
 * was given everything could never be asked to leave room for a second. A model that nothing else is configured beside gets
 * all of it. Shares can add up to more than the limit when models are loaded that nobody had configured; what really
 * is held never does for long, as the guard of memory shrinks caches then.
 *
 * Of what is not weights or intermediate results, half may keep prefixes. The other half is for running requests.
 */
export function memoryShare(input: ShareInput): MemoryShare {
  const { estimate, limitBytes, givenBytes, promisedBytes, others, prefixBytes } = input;
  const { totalBytes, weightBytes, activationBytes } = estimate;
  const left = Math.max(0, limitBytes - totalBytes - givenBytes - promisedBytes);
  const memoryLimitBytes = Math.min(limitBytes, Math.floor(totalBytes + left / (1 + others)));
  const forTokens = Math.max(0, memoryLimitBytes - weightBytes - activationBytes);
  return {
    memoryLimitBytes: Math.max(1, memoryLimitBytes),
    prefixBytes: Math.min(prefixBytes ?? Math.floor(forTokens / 2), forTokens),
  };
}
