import { layerElements } from './layer-elements.ts';
import { visionActivationBytes, type VisionInput } from './vision-estimate.ts';

/** The part of a model's architecture that decides how much memory it takes. Sizes of tensors in elements. */
export interface ModelShape {
  /** Groups of layers that keep keys and values: elements for each token, and how many tokens they keep. */
  readonly caches: readonly LayerCache[];
  /** Of layers with a state of constant size (linear attention, state spaces, convolutions): bytes for each sequence. */
  readonly stateBytes: number;
  readonly hiddenSize: number;
  /** Widest inner layer that one token passes. */
  readonly intermediateSize: number;
  readonly vocabularySize: number;
  /** Tokens that the model was made for; null when it does not say. */
  readonly contextLength: number | null;
  readonly bytesPerElement: 2 | 4;
}

export interface LayerCache {
  readonly elementsPerToken: number;
  /** Null keeps all tokens. */
  readonly window: number | null;
}

export interface EstimateInput {
  /** Bytes of the files with the weights, adapter and draft model included. */
  readonly weightBytes: number;
  readonly shape: ModelShape;
  /** Of a draft model, which reads and keeps the same tokens. */
  readonly draftShape: ModelShape | null;
  readonly contextLength: number | null;
  readonly maxBatchSize: number;
  readonly kvBits: 4 | 8 | null;
  /** Bytes that the configuration sets aside for kept prefixes; 0 where that is left to us. */
  readonly prefixBytes: number;
  /** Models that turn texts into vectors keep nothing between passes. */
  readonly task: 'generate' | 'vision' | 'embed';
  /** Of a model that is shown images; null of others. */
  readonly vision: VisionInput | null;
}

/** What a model is thought to take, bytes. */
export interface MemoryEstimate {
  readonly weightBytes: number;
  /** Keys and values of the requests that it should be able to serve at a time. */
  readonly workingSetBytes: number;
  /** Intermediate results of one step, or of reading images where that takes more. */
  readonly activationBytes: number;
  readonly prefixBytes: number;
  /** What is kept of images. */
  readonly featureCacheBytes: number;
  readonly totalBytes: number;
}

/**
 * What a model has to be able to hold at a time: so many requests of so many tokens. Fewer where its batch or its context is
 * smaller. It is what a few conversations take; a model that gets more than that takes it from its headroom, and the
 * worker refuses what does not fit. Reserving for a full batch of full contexts would keep every model out.
 */
export const WORKING_SET = { requests: 4, tokens: 2048 } as const;
/** Prompts are read in pieces of so many tokens at most. */
const PREFILL_TOKENS = 2048;
/** Of the weights: alignment, buffers in between, tables of the quantisation. */
const WEIGHT_SLACK = 1.05;
/** Quantised caches keep a scale and an offset of 16 bits for each group of 64 elements. */
const BYTES_PER_GROUPED_ELEMENT = 4 / 64;
/** Distributions over the vocabulary are 32 bits wide, and sampling needs them twice. */
const LOGIT_BYTES = 8;

/** Admission's guess, until the worker says what the model really takes. Documented in docs/configuration.md. */
export function estimateMemory(input: EstimateInput): MemoryEstimate {
  const { shape, draftShape, maxBatchSize, prefixBytes, vision } = input;
  const weightBytes = Math.ceil(input.weightBytes * WEIGHT_SLACK);
  const workingSetBytes = Math.ceil(
    workingSet(input, shape) + (draftShape === null ? 0 : workingSet(input, draftShape)),
  );
  const perToken = layerElements(shape.hiddenSize, shape.intermediateSize);
  const stepBytes =
    PREFILL_TOKENS * perToken * shape.bytesPerElement + maxBatchSize * shape.vocabularySize * LOGIT_BYTES;
  // An image is read between two steps, never during one.
  const activationBytes = Math.max(stepBytes, vision === null ? 0 : visionActivationBytes(vision));
  const featureCacheBytes = vision?.featureCacheBytes ?? 0;
  const totalBytes = weightBytes + workingSetBytes + activationBytes + prefixBytes + featureCacheBytes;
  return { weightBytes, workingSetBytes, activationBytes, prefixBytes, featureCacheBytes, totalBytes };
}

function workingSet({ contextLength, maxBatchSize, kvBits, task }: EstimateInput, shape: ModelShape): number {
  if (task === 'embed') return 0;
  const requests = Math.min(WORKING_SET.requests, maxBatchSize);
  const context = contextLength ?? shape.contextLength ?? Infinity;
  const tokens = Math.min(WORKING_SET.tokens, context);
  const elementBytes = kvBits === null ? shape.bytesPerElement : kvBits / 8 + BYTES_PER_GROUPED_ELEMENT;
  let perRequest = shape.stateBytes;
  for (const { elementsPerToken, window } of shape.caches) {
    // Caches of a window turn round in place, which is not done with quantised values.
    const bytes = window === null ? elementBytes : shape.bytesPerElement;
    perRequest += Math.min(tokens, window ?? Infinity) * elementsPerToken * bytes;
  }
  return requests * perRequest;
}
