import type { LoadFrame } from '@mlxfleet/protocol';
import type { ModelLocation } from './catalog.ts';
import type { ModelSettings } from './model-settings.ts';

/** What a worker is told to load, and within which limits. */
export function loadFrame(location: ModelLocation, settings: ModelSettings): LoadFrame {
  return {
    type: 'load',
    path: location.path,
    task: 'generate',
    adapter_path: null,
    context_length: settings.contextLength,
    memory_limit_bytes: settings.memoryLimitBytes,
    wired_limit_bytes: null,
    max_batch_size: settings.maxBatchSize,
    kv_bits: null,
    prefix_cache: { memory_bytes: 0, disk_path: null, disk_bytes: 0 },
    speculation: { prompt_lookup: false, draft_path: null, tokens: 4 },
  };
}
