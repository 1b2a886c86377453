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
  /** What the models beside it really take; null for a configured model, for which the shares of all are laid out. */
  readonly taken: Taken | null;
  /** Bytes for kept prefixes that the configuration asks for; null leaves it to us. */
  readonly prefixBytes: number | null;
}

/** The models that are loaded beside one that nobody configured. */
interface Taken {
  readonly models: number;
  /** What they hold or may count on, bytes. */
  readonly bytes: number;
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
 * all of it.
 *
 * A model that nobody configured may find all shares given, and hardly any of it used: it gets at least an even part of what
 * the others do not take. So shares can add up to more than the limit then; what really is held never does for long, as
 * the guard of memory shrinks caches, unloads idle models and then refuses.
 *
 * Of what is not weights, intermediate results or kept features of images, half may keep prefixes. The other half is for running requests.
 */
export function memoryShare(input: ShareInput): MemoryShare {
  const { estimate, limitBytes, givenBytes, promisedBytes, others, taken, prefixBytes } = input;
  const { totalBytes, weightBytes, activationBytes, featureCacheBytes } = estimate;
  const leftBeside = (bytes: number): number => Math.max(0, limitBytes - totalBytes - promisedBytes - bytes);
  const unused = taken === null ? 0 : leftBeside(taken.bytes) / (1 + others + taken.models);
  const headroom = Math.max(leftBeside(givenBytes) / (1 + others), unused);
  const memoryLimitBytes = Math.min(limitBytes, Math.floor(totalBytes + headroom));
  const forTokens = Math.max(0, memoryLimitBytes - weightBytes - activationBytes - featureCacheBytes);
  return {
    memoryLimitBytes: Math.max(1, memoryLimitBytes),
    prefixBytes: Math.min(prefixBytes ?? Math.floor(forTokens / 2), forTokens),
  };
}
