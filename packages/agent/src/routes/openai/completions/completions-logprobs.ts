import type { ChoiceLogprob } from '@mlxfleet/protocol';

/** Log-probabilities in the shape of `/v1/completions`: lists with one entry for each token. */
export interface LegacyLogprobs {
  readonly tokens: string[];
  readonly token_logprobs: number[];
  /** The most likely tokens and the chosen one; null when no alternatives were asked for. */
  readonly top_logprobs: Record<string, number>[] | null;
  /** Where each token begins in the completion, in Unicode characters. */
  readonly text_offset: number[];
}

const REPLACEMENT = '\uFFFD';

/** Turns the tokens of one choice into the legacy shape, step by step: offsets go on from one call to the next. */
export function legacyLogprobs(alternatives: number): (entries: readonly ChoiceLogprob[]) => LegacyLogprobs {
  // A character's bytes may be spread over tokens; it counts when it is complete.
  const decoder = new TextDecoder();
  let offset = 0;
  return (entries) => {
    const offsets = entries.map(({ bytes }) => {
      const begin = offset;
      offset += Array.from(decoder.decode(Uint8Array.from(bytes), { stream: true })).length;
      return begin;
    });
    return {
      tokens: entries.map(name),
      token_logprobs: entries.map(({ logprob }) => logprob),
      top_logprobs:
        alternatives === 0
          ? null
          : entries.map((entry) =>
              Object.fromEntries([...entry.top_logprobs, entry].map((each) => [name(each), each.logprob])),
            ),
      text_offset: offsets,
    };
  };
}

/** Pieces of a character would all be the same text: like OpenAI's, they are named by their bytes. */
function name({ token, bytes }: Pick<ChoiceLogprob, 'token' | 'bytes'>): string {
  if (!token.includes(REPLACEMENT)) return token;
  const isWhole = Buffer.from(token).equals(Uint8Array.from(bytes));
  if (isWhole) return token;
  return `bytes:${bytes.map((byte) => `\\x${byte.toString(16).padStart(2, '0')}`).join('')}`;
}
