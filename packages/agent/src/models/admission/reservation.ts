import type { MediaSettings, PrefixCacheSettings } from '@mlxfleet/protocol';

/** What has been made sure of before a model is loaded. */
export interface Reservation {
  /** What the model may count on, bytes. */
  readonly bytes: number;
  /** Of that, what comes on top of the weights while it serves. */
  readonly growthBytes: number;
  readonly limits: LoadLimits;
}

/** Limits that the worker gets with the model. */
export interface LoadLimits {
  /** What MLX may use, bytes. */
  readonly memoryLimitBytes: number;
  readonly prefixCache: PrefixCacheSettings;
  /** Folder of the draft model; null for none. */
  readonly draftPath: string | null;
  /** Of a model that is shown images; null of others. */
  readonly media: MediaSettings | null;
}
