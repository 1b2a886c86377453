import type { LoadFrame } from '@mlxfleet/protocol';
import type { LoadLimits } from '../admission/reservation.ts';
import type { ModelLocation } from '../catalog/catalog.ts';
import type { ModelSettings } from '../model-settings.ts';

/** What a worker is told to load, and within which limits. */
export function loadFrame(location: ModelLocation, settings: ModelSettings, limits: LoadLimits): LoadFrame {
  return {
    type: 'load',
    path: location.path,
    task: location.task,
    adapter_path: location.adapterPath,
    context_length: settings.contextLength,
    memory_limit_bytes: limits.memoryLimitBytes,
    wired_limit_bytes: settings.wiredLimitBytes,
    max_batch_size: settings.maxBatchSize,
    kv_bits: settings.kvBits,
    prefix_cache: limits.prefixCache,
    speculation: {
      prompt_lookup: settings.promptLookup,
      draft_path: limits.draftPath,
      tokens: settings.draftTokens,
    },
    media: limits.media,
  };
}
