/** Widths of the hidden state that live at the same time in a layer: residual, norm, queries, keys, values, output. */
const HIDDEN_AT_ONCE = 6;
/** Gate and value of the inner layer. */
const INNER_AT_ONCE = 2;

/** Elements of intermediate results of one layer of a transformer, for each token or patch of an image. */
export function layerElements(width: number, innerWidth: number): number {
  return HIDDEN_AT_ONCE * width + INNER_AT_ONCE * innerWidth;
}
