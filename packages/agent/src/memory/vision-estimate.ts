import { layerElements } from './layer-elements.ts';

/** The part of a vision tower's architecture that decides how much memory it takes to read an image. Sizes in elements. */
export interface VisionShape {
  readonly width: number;
  /** Of the inner layers. */
  readonly innerWidth: number;
  readonly heads: number;
  /** Pixels of the side of one patch. */
  readonly patchSize: number;
  /** Pixels of the side of the images that it was made for, to which some models enlarge smaller ones; null says nothing. */
  readonly imageSize: number | null;
}

/** What reads images: the tower, and how large the images are. */
export interface VisionInput {
  readonly shape: VisionShape;
  /** Pixels of the longer side of what the model is shown. */
  readonly maxSide: number;
  /** Whether MLX's backend has fused attention, as Metal has: it keeps no matrix of all patches by all patches. */
  readonly hasFusedAttention: boolean;
  /** How many images are read side by side. */
  readonly lanes: number;
  /** Bytes of kept features. */
  readonly featureCacheBytes: number;
}

/** Towers compute in 16 bits, but several keep the residual, or the patches, in 32. */
const ELEMENT_BYTES = 4;
/** Colours of a pixel as 32-bit floats: the image as the processor hands it over, and cut into patches. */
const PIXEL_BYTES = 2 * 3 * 4;
/** Head sizes that Metal's fused attention takes. https://github.com/ml-explore/mlx, scaled_dot_product_attention.cpp */
const FUSED_HEAD_SIZES: ReadonlySet<number> = new Set([64, 80, 128]);
/** Scores before and after the softmax, 16 bits each. */
const SCORE_BYTES = 4;

/** Bytes of intermediate results while square images of the largest size are read, one in each lane. */
export function visionActivationBytes({ shape, maxSide, hasFusedAttention, lanes }: VisionInput): number {
  const side = Math.max(maxSide, shape.imageSize ?? 0);
  const patches = Math.ceil(side / shape.patchSize) ** 2;
  const perPatch = layerElements(shape.width, shape.innerWidth);
  const isFused = hasFusedAttention && FUSED_HEAD_SIZES.has(shape.width / shape.heads);
  const scoreBytes = isFused ? 0 : shape.heads * patches ** 2 * SCORE_BYTES;
  return lanes * (patches * perPatch * ELEMENT_BYTES + scoreBytes + side * side * PIXEL_BYTES);
}
