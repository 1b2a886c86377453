import { ApiError } from '../../../api-error.ts';
import type { AnswerTo, Question } from '../../../models/runtime/questions.ts';

type EmbedQuestion = Extract<Question, { type: 'embed' }>;

/** Asks a model. */
export type AskToEmbed = (question: EmbedQuestion, signal: AbortSignal) => Promise<AnswerTo<EmbedQuestion>>;

/** Text, or token ids. */
export type EmbeddingInput = string | number[];

export interface EmbeddingAnswer {
  /** One for each input: base64 of little-endian 32-bit floats. */
  readonly vectors: readonly string[];
  readonly promptTokens: number;
}

export interface InputBatch {
  /** Place of the first input in the request. */
  readonly start: number;
  readonly inputs: readonly EmbeddingInput[];
}

/** Answers of the largest models stay at a few megabytes, which the agent reads as one line. */
const MOST_INPUTS = 256;
/** A slow host answers such a question in a minute or two. */
const MOST_CHARACTERS = 65_536;
/** A token counts as so many characters. */
const CHARACTERS_PER_TOKEN = 4;
/** Questions at a time: the worker begins with one while it answers the other. */
const LANES = 2;

/**
 * The vectors of a request's inputs, asked for in several questions when there are many.
 * @throws ApiError that names the input by its place in the request.
 */
export async function embed(
  ask: AskToEmbed,
  inputs: readonly EmbeddingInput[],
  dimensions: number | null,
  signal: AbortSignal,
): Promise<EmbeddingAnswer> {
  const batches = inputBatches(inputs);
  const vectors: string[] = [];
  let promptTokens = 0;
  // When one fails, the others are not worth their time.
  const failure = new AbortController();
  const either = AbortSignal.any([signal, failure.signal]);
  const askFor = async (batch: InputBatch): Promise<void> => {
    const answer = await ask({ type: 'embed', inputs: [...batch.inputs], dimensions }, either);
    for (const [index, vector] of answer.embeddings.entries()) vectors[batch.start + index] = vector;
    promptTokens += answer.prompt_tokens;
  };
  const waiting = batches.values();
  const lane = async (): Promise<void> => {
    for (const batch of waiting) {
      try {
        await askFor(batch);
      } catch (error) {
        const named = batches.length === 1 ? error : nameInput(error, batch);
        failure.abort(named);
        throw named;
      }
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return { vectors, promptTokens };
}

/** Neighbouring inputs together, in their order. */
export function inputBatches(
  inputs: readonly EmbeddingInput[],
  mostInputs = MOST_INPUTS,
  mostCharacters = MOST_CHARACTERS,
): InputBatch[] {
  const batches: { start: number; inputs: EmbeddingInput[]; characters: number }[] = [];
  for (const [start, input] of inputs.entries()) {
    const characters = typeof input === 'string' ? input.length : input.length * CHARACTERS_PER_TOKEN;
    const last = batches.at(-1);
    const fits =
      last !== undefined && last.inputs.length < mostInputs && last.characters + characters <= mostCharacters;
    if (fits) {
      last.inputs.push(input);
      last.characters += characters;
    } else {
      batches.push({ start, inputs: [input], characters });
    }
  }
  return batches;
}

/** The worker names an input by its place in the question, and not at all when it is the only one. */
function nameInput(error: unknown, { start }: InputBatch): unknown {
  if (!(error instanceof ApiError)) return error;
  const named = /^input(?:\.(\d+))?$/.exec(error.param ?? '');
  if (named === null) return error;
  const place = String(start + Number(named[1] ?? 0));
  const message = error.message.replace(/\binput\b(?:\[\d+\])?/, `input[${place}]`);
  return new ApiError(error.definition, message, { param: `input.${place}`, cause: error });
}
