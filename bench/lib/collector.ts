import type { LoadResult } from './load-client.ts';
import type { RawRound } from './raw-loop.ts';
import { median, quantile } from './statistics.ts';

/** What one server did for one number of clients, over all rounds. */
export interface Figures {
  readonly tokensPerSecond: number;
  readonly firstTokenMsP50: number;
  readonly firstTokenMsP99: number;
  readonly failed: number;
}

/** Gathers the rounds of one server. */
export class Collector {
  readonly #tokensPerSecond: number[] = [];
  readonly #firstTokens: number[] = [];
  #failed = 0;

  add({ samples, wallMs }: LoadResult): void {
    this.#tokensPerSecond.push(samples.reduce((sum, sample) => sum + sample.tokens, 0) / (wallMs / 1000));
    for (const sample of samples) {
      if (sample.error !== null) this.#failed += 1;
      else if (sample.firstTokenMs !== null) this.#firstTokens.push(sample.firstTokenMs);
    }
  }

  addRaw({ tokens, seconds, first_token_ms: firstTokens }: RawRound): void {
    this.#tokensPerSecond.push(tokens / seconds);
    this.#firstTokens.push(...firstTokens);
  }

  /** Medians over rounds, quantiles over requests. */
  figures(): Figures {
    return {
      tokensPerSecond: Math.round(median(this.#tokensPerSecond)),
      firstTokenMsP50: Number(quantile(this.#firstTokens, 0.5).toFixed(1)),
      firstTokenMsP99: Number(quantile(this.#firstTokens, 0.99).toFixed(1)),
      failed: this.#failed,
    };
  }
}
