const GIB = 1024 ** 3;

export interface MemoryTier {
  /** Seconds without a request after which a model is unloaded. */
  readonly idleTimeoutSeconds: number;
  /** Bytes that models may use together. */
  readonly memoryLimitBytes: number;
  /** Pixels of the longer side of what a vision model is shown. */
  readonly imageMaxSide: number;
}

/** Defaults by the memory of the host: what it keeps for itself grows with its size. */
export function memoryTier(totalBytes: number): MemoryTier {
  // Machines report a little less than what they are sold with, so the borders have half a gigabyte of slack.
  const total = totalBytes / GIB + 0.5;
  const [idleTimeoutSeconds, reserve, imageMaxSide] =
    total >= 64 ? [600, 20, 1024] : total >= 24 ? [300, 8, 768] : [180, 4, 512];
  // On a machine with hardly more than the reserve, models may still have half of it.
  const memoryLimitBytes = Math.floor(Math.max(totalBytes - reserve * GIB, totalBytes / 2));
  return { idleTimeoutSeconds, memoryLimitBytes, imageMaxSide };
}
