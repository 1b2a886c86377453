import { expect, test } from 'vitest';
import { isVisionTensor, mayHaveVision } from './vision-files.ts';

test.each([
  [{ vision_config: {} }, true],
  [{ vision_config: null }, false],
  [{ mm_vision_tower: 'google/siglip' }, true],
  [{ img_processor: { name: 'clip_vision_model' } }, true],
  [{ visual: { layers: 48 } }, true],
  [{ image_token_index: 5 }, true],
  [{ model_type: 'molmo' }, true],
  [{ model_type: 'llama', tie_word_embeddings: true }, false],
  [null, false],
  ['vision_config', false],
])('config.json %j may be of a model that reads images: %j', (config, may) => {
  expect(mayHaveVision(config)).toBe(may);
});

test.each([
  'vision_tower.blocks.0.attn.qkv.weight',
  'model.visual.patch_embed.proj.weight',
  'visual.merger.mlp.0.weight',
  'vision_model.encoder.layers.0.mlp.fc1.bias',
  'model.vision_tower.vision_tower.vision_model.post_layernorm.weight',
  'model.vision_backbone.image_vit.class_embedding',
  'model.vision.blocks.0.ln1.bias',
  'vit.embeddings.patch_embedding.weight',
  'vpm.encoder.layers.0.mlp.fc1.weight',
  'model.embed_vision.embedding.weight',
])('%s reads images', (name) => {
  expect(isVisionTensor(name)).toBe(true);
});

test.each([
  'model.layers.0.self_attn.q_proj.weight',
  'language_model.lm_head.weight',
  'multi_modal_projector.linear_1.weight',
  'model.revisionist.weight',
  'lm_head.vital',
])('%s does not', (name) => {
  expect(isVisionTensor(name)).toBe(false);
});
