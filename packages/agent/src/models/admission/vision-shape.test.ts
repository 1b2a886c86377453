import { expect, test } from 'vitest';
import { visionShape } from './vision-shape.ts';

test.each([
  [
    'Qwen2-VL, whose hidden_size is that of the text model',
    { embed_dim: 1280, hidden_size: 3584, mlp_ratio: 4, patch_size: 14 },
    { width: 1280, innerWidth: 5120, heads: 16, patchSize: 14, imageSize: null },
  ],
  [
    'a SigLIP of one image size',
    { hidden_size: 1152, intermediate_size: 4304, num_attention_heads: 18, patch_size: 14, image_size: 896 },
    { width: 1152, innerWidth: 4304, heads: 18, patchSize: 14, imageSize: 896 },
  ],
  ['one that says nothing', {}, { width: 1280, innerWidth: 5120, heads: 16, patchSize: 14, imageSize: null }],
])('%s', (_, config, shape) => {
  expect(visionShape({ vision_config: config })).toEqual(shape);
});

test('a model without vision_config counts as a large one', () => {
  expect(visionShape(null)).toEqual({
    width: 1280,
    innerWidth: 5120,
    heads: 16,
    patchSize: 14,
    imageSize: null,
  });
});
