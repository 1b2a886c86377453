import type { Resident } from '../../memory/memory-room.ts';
import type { ModelView } from './model-view.ts';

/** Bytes that a loaded model holds by its worker's last account. */
export interface ModelMemory {
  /** In use by MLX arrays, in MLX's buffer cache, and the highest use so far. */
  readonly activeBytes: number;
  readonly cacheBytes: number;
  readonly peakBytes: number;
  /** Kept prefixes of prompts, a part of the active bytes. */
  readonly prefixCacheBytes: number;
  /** Kept prefixes on disk. */
  readonly prefixDiskBytes: number;
  /** Kept images, outside of MLX, and what the vision tower made of them, a part of the active bytes. */
  readonly imageCacheBytes: number;
  readonly featureCacheBytes: number;
}

/** Tokens that speculation has guessed since the model was loaded, and how many of them were right. */
export interface ModelSpeculation {
  readonly draftedTokens: number;
  readonly acceptedTokens: number;
}

/** The model as the policies of memory see it; null while it holds no memory. */
export function modelResident({ id, life, isPinned, lastUsed, requests }: ModelView): Resident | null {
  if (!life.isActive || life.isGivenUp) return null;
  const { counters, memoryBytes } = life.worker;
  const imageBytes = counters?.image_cache_bytes ?? 0;
  const inMlxBytes = counters === null ? 0 : counters.prefix_cache_bytes + counters.feature_cache_bytes;
  return {
    id,
    floorBytes: life.floorBytes,
    heldBytes: memoryBytes ?? 0,
    cacheBytes: inMlxBytes + (counters?.cache_memory_bytes ?? 0),
    imageBytes,
    keptBytes: inMlxBytes + imageBytes,
    loading: life.isLoading,
    busy: !life.takesWork || requests.running + requests.waiting > 0,
    pinned: isPinned,
    lastUsed,
  };
}

/** Null while not loaded, or not yet known. */
export function modelMemory({ life: { isReady, worker } }: ModelView): ModelMemory | null {
  const { counters } = worker;
  if (counters === null || !isReady) return null;
  return {
    activeBytes: counters.active_memory_bytes,
    cacheBytes: counters.cache_memory_bytes,
    peakBytes: counters.peak_memory_bytes,
    prefixCacheBytes: counters.prefix_cache_bytes,
    prefixDiskBytes: counters.prefix_disk_bytes,
    imageCacheBytes: counters.image_cache_bytes,
    featureCacheBytes: counters.feature_cache_bytes,
  };
}

/** Null while not loaded, or not yet known. */
export function modelSpeculation({ life: { isReady, worker } }: ModelView): ModelSpeculation | null {
  const { counters } = worker;
  if (counters === null || !isReady) return null;
  return { draftedTokens: counters.drafted_tokens, acceptedTokens: counters.accepted_tokens };
}
