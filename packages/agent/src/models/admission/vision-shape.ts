import type { VisionShape } from '../../memory/vision-estimate.ts';
import { record, size } from './config-fields.ts';

/** Inner layers of vision transformers are so many times as wide where a config.json does not say. */
const USUAL_RATIO = 4;
/** Of nearly all families; where a config.json does not say. */
const USUAL_WIDTH = 1280;
const USUAL_HEADS = 16;
const USUAL_PATCH = 14;

/**
 * The shape of what reads images from a model's config.json, in the spellings of the families that mlx-vlm loads. What it
 * does not say counts as in a large tower.
 */
export function visionShape(config: unknown): VisionShape {
  const fields = record(record(config)['vision_config']);
  // Qwen2-VL calls the width of the tower embed_dim, and hidden_size that of the text model.
  const width = size(fields, 'embed_dim', 'hidden_size', 'width', 'dim') ?? USUAL_WIDTH;
  const ratio = size(fields, 'mlp_ratio') ?? USUAL_RATIO;
  return {
    width,
    innerWidth: size(fields, 'intermediate_size', 'inter_dim') ?? ratio * width,
    heads: size(fields, 'num_heads', 'num_attention_heads', 'n_heads') ?? USUAL_HEADS,
    patchSize: size(fields, 'patch_size', 'spatial_patch_size') ?? USUAL_PATCH,
    imageSize: size(fields, 'image_size'),
  };
}
