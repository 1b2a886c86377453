/** What the configuration says of one model. */
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
  readonly memoryLimitBytes: number;
}
