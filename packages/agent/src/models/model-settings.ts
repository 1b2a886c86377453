import { type AgentConfig, DEFAULTS } from '@mlxfleet/protocol';

/** What the configuration says of one model. Null leaves it to the model, or to us. */
export interface ModelSettings {
  readonly pin: boolean;
  /** Whether it is loaded from the start, and again when its worker dies. */
  readonly preload: boolean;
  /** Milliseconds without a request before it is unloaded; null for never. */
  readonly idleTimeoutMs: number | null;
  /** Upper bound of prompt and completion in tokens; null takes the model's own. */
  readonly contextLength: number | null;
  readonly queueDepth: number;
  readonly maxBatchSize: number;
  /** Bits of each key and value in the cache; null keeps the model's own precision. */
  readonly kvBits: 4 | 8 | null;
  /** Id of the model that drafts for it; null for none. */
  readonly draft: string | null;
  readonly promptLookup: boolean;
  readonly draftTokens: number;
  /** Bytes for kept prefixes; 0 keeps none. */
  readonly prefixMemoryBytes: number | null;
  readonly prefixDiskBytes: number | null;
  /** Bytes that the worker keeps wired on a Mac. */
  readonly wiredLimitBytes: number | null;
}

/** The settings of one model, which need not be among the configured ones. */
export function modelSettings(config: AgentConfig, id: string, idleTimeoutSeconds: number): ModelSettings {
  const model = config.models.find((each) => each.id === id);
  return {
    pin: model?.pin ?? false,
    preload: model?.preload ?? false,
    idleTimeoutMs: (model?.ttl_seconds ?? idleTimeoutSeconds) * 1000,
    contextLength: model?.context ?? null,
    queueDepth: config.queue_depth,
    maxBatchSize: model?.max_batch_size ?? config.max_batch_size,
    kvBits: model?.kv_bits ?? null,
    draft: model?.draft ?? null,
    promptLookup: model?.prompt_lookup ?? false,
    draftTokens: model?.draft_tokens ?? DEFAULTS.draftTokens,
    prefixMemoryBytes: model?.prefix_cache.memory_bytes ?? null,
    prefixDiskBytes: model?.prefix_cache.disk_bytes ?? null,
    wiredLimitBytes: config.wired_limit_bytes,
  };
}
