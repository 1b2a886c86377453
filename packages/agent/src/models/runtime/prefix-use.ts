/** What kept prefixes were good for, since the model was loaded. */
export interface PrefixUse {
  readonly prompts: number;
  /** Prompts that went on from a kept prefix. */
  readonly hits: number;
  readonly promptTokens: number;
  /** Of those, tokens that were not computed again. */
  readonly cachedTokens: number;
}

export const NO_PREFIX_USE: PrefixUse = { prompts: 0, hits: 0, promptTokens: 0, cachedTokens: 0 };

/** The account after one more prompt. */
export function used(
  use: PrefixUse,
  prompt: { readonly prompt_tokens: number; readonly cached_tokens: number },
): PrefixUse {
  return {
    prompts: use.prompts + 1,
    hits: use.hits + (prompt.cached_tokens > 0 ? 1 : 0),
    promptTokens: use.promptTokens + prompt.prompt_tokens,
    cachedTokens: use.cachedTokens + prompt.cached_tokens,
  };
}
