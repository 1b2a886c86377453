import { expect } from 'vitest';
import { z } from 'zod';
import { type AgentProcess, startAgent } from '../../support/agent-process.ts';

/** Its weights are random, so that whatever has to be valid is so by the server's doing. */
export const MODEL = 'tiny-text';
export const EMBEDDING_MODEL = 'all-MiniLM-L6-v2';
const DIMENSIONS = 384;

export const QUESTION = 'Name a city.';
/** Tokens of answers that are free text. */
export const ANSWER_TOKENS = 12;
/** More than an answer by the schema takes. */
export const SCHEMA_TOKENS = 400;

/** Arguments of the tool, and the object that is asked for. Bounded, since random weights end no string by themselves. */
export const citySchema = z.strictObject({ city: z.enum(['Paris', 'Rome']), isCapital: z.boolean() });
/** What any such object equals. */
export const A_CITY: unknown = {
  city: expect.stringMatching(/^(Paris|Rome)$/),
  isCapital: expect.any(Boolean),
};
export const TOOL = { name: 'look_up', description: 'Finds a city.' } as const;
export const TOOL_RESULT = 'It is sunny there.';

/** The first two are near to each other, the third is far from both. */
export const SENTENCES = [
  'A man is playing a guitar.',
  'Someone plays the guitar.',
  'The stock market fell today.',
];

/** What is refused, and how the refusal begins. */
export const TOO_HOT = 3;
export const TOO_HOT_MESSAGE = /'temperature': must be at most/;

export async function startAgentForClients(): Promise<AgentProcess> {
  return await startAgent({ models: [MODEL, EMBEDDING_MODEL] });
}

/** Whether vectors are those of the sentences: of unit length, near where the sentences are. */
export function areOfSentences(vectors: readonly (readonly number[])[]): boolean {
  const [guitar = [], again = [], market = []] = vectors;
  return (
    vectors.length === SENTENCES.length &&
    vectors.every((vector) => vector.length === DIMENSIONS && Math.abs(dot(vector, vector) - 1) < 1e-5) &&
    dot(guitar, again) > 0.55 &&
    dot(guitar, market) < 0.15
  );
}

function dot(left: readonly number[], right: readonly number[]): number {
  return left.reduce((sum, value, index) => sum + value * (right[index] ?? Number.NaN), 0);
}
