/**
 * Fields by which a config.json tells of images: `vision_config` of nearly all families, and what those say that have their
 * own: `mm_vision_tower`, `img_processor`, `visual`, `image_token_index` and their relatives.
 */
const VISION_FIELD = /^(vision|visual|mm_vision|img_processor|image_token)/;
/** Families whose config.json says nothing of the images that they read. */
const SILENT_FAMILIES: ReadonlySet<unknown> = new Set(['molmo', 'moondream1', 'moondream2', 'moondream3']);

/**
 * Whether a config.json leaves it possible that the model reads images, so that the names of its tensors are worth reading.
 * Conversions to text models keep these fields.
 */
export function mayHaveVision(config: unknown): boolean {
  if (typeof config !== 'object' || config === null) return false;
  const fields = Object.entries(config);
  return fields.some(([name, value]) => {
    return name === 'model_type' ? SILENT_FAMILIES.has(value) : value !== null && VISION_FIELD.test(name);
  });
}

/**
 * Parts of models that read images, in the spellings of the families that mlx-vlm loads: vision_tower, vision_model, visual,
 * vision_backbone, vit, vpm, embed_vision and others. A projector alone is none.
 */
const VISION_PART = /^(vision(_.+)?|visual(_.+)?|vit|vpm|embed_vision|img_processor|img_projector)$/;

/** Whether a tensor, by its dotted name, belongs to what reads images. */
export function isVisionTensor(name: string): boolean {
  return name.split('.').some((part) => VISION_PART.test(part));
}
