import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { modelShape } from './model-shape.ts';

const LLAMA_8B = {
  model_type: 'llama',
  hidden_size: 4096,
  num_hidden_layers: 32,
  intermediate_size: 14_336,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128_256,
  max_position_embeddings: 131_072,
  torch_dtype: 'bfloat16',
};

describe('the shape of a model', () => {
  test('a plain transformer keeps keys and values of every token in every layer', () => {
    expect(modelShape(LLAMA_8B)).toEqual({
      caches: [{ elementsPerToken: 32 * 2 * 8 * 128, window: null }],
      stateBytes: 0,
      hiddenSize: 4096,
      intermediateSize: 14_336,
      vocabularySize: 128_256,
      contextLength: 131_072,
      bytesPerElement: 2,
    });
  });

  test('heads may have a size of their own, and values another one', () => {
    const shape = modelShape({ ...LLAMA_8B, head_dim: 64, v_head_dim: 96 });
    expect(shape.caches[0]?.elementsPerToken).toBe(32 * 8 * (64 + 96));
    expect(modelShape({ ...LLAMA_8B, torch_dtype: 'float32' }).bytesPerElement).toBe(4);
  });

  test('a window that the layers do not name is not used', () => {
    expect(modelShape({ ...LLAMA_8B, sliding_window: 4096 }).caches).toEqual(modelShape(LLAMA_8B).caches);
  });

  test('a vision model holds its text model apart, and may leave out what is usual', () => {
    expect(modelShape({ vision_config: { hidden_size: 1280 }, text_config: LLAMA_8B })).toEqual(
      modelShape(LLAMA_8B),
    );
    expect(modelShape({ text_config: { model_type: 'llama', vocab_size: 32_064 } })).toMatchObject({
      caches: [{ elementsPerToken: 32 * 2 * 4096, window: null }],
      hiddenSize: 4096,
      vocabularySize: 32_064,
    });
    const gemma = { model_type: 'gemma3_text', hidden_size: 2560, num_hidden_layers: 34 };
    expect(modelShape({ model_type: 'gemma3', text_config: gemma }).caches).toEqual([
      { elementsPerToken: 5 * 2 * 4 * 256, window: null },
      { elementsPerToken: 29 * 2 * 4 * 256, window: 1024 },
    ]);
    expect(modelShape({ text_config: { model_type: 'unknown' } }).caches).toEqual([]);
  });

  test('latent attention keeps one compressed vector', () => {
    const shape = modelShape({ ...LLAMA_8B, kv_lora_rank: 512, qk_rope_head_dim: 64 });
    expect(shape.caches[0]?.elementsPerToken).toBe(32 * 576);
  });

  test.each<[string, object, number, number | null, number]>([
    ['names', { layer_types: ['sliding_attention', 'full_attention'], sliding_window: 128 }, 16, 128, 16],
    ['a pattern', { sliding_window_pattern: 6, sliding_window: 1024 }, 5, 1024, 27],
  ])('layers with a window, by %s', (_, fields, full, window, windowed) => {
    expect(modelShape({ ...LLAMA_8B, ...fields }).caches).toEqual([
      { elementsPerToken: full * 2048, window: null },
      { elementsPerToken: windowed * 2048, window },
    ]);
  });

  test.each<[string, object, number]>([
    ['every fourth attends', { full_attention_interval: 4 }, 8],
    ['one in eight attends', { attn_layer_period: 8, attn_layer_offset: 4 }, 4],
    ['names', { layers_block_type: ['mamba', 'mamba', 'mamba', 'attention'] }, 8],
    ['letters', { hybrid_override_pattern: 'M-M*M-M*' }, 2],
    ['convolutions', { layer_types: ['conv', 'full_attention'], conv_L_cache: 3 }, 16],
    ['state spaces alone', { model_type: 'mamba2' }, 0],
  ])('hybrid layers keep a state of constant size: %s', (_, fields, attending) => {
    const shape = modelShape({ ...LLAMA_8B, ...fields });
    expect(shape.caches.reduce((sum, { elementsPerToken }) => sum + elementsPerToken, 0)).toBe(
      attending * 2048,
    );
    expect(shape.stateBytes).toBeGreaterThan(0);
  });

  test('the state of linear attention is heads times keys times values', () => {
    const shape = modelShape({
      ...LLAMA_8B,
      full_attention_interval: 4,
      linear_num_value_heads: 32,
      linear_key_head_dim: 128,
      linear_value_head_dim: 128,
    });
    expect(shape.stateBytes).toBe(24 * 32 * 128 * 128 * 4);
  });

  test('models with further senses hold their text model apart; experts count as they are chosen', () => {
    const shape = modelShape({
      model_type: 'x_vl',
      vocab_size: 5,
      text_config: { ...LLAMA_8B, moe_intermediate_size: 2048, num_experts_per_tok: 8 },
    });
    expect(shape).toMatchObject({ hiddenSize: 4096, intermediateSize: 8 * 2048, vocabularySize: 128_256 });
  });

  test.each([null, 5, 'x', [], {}, { num_hidden_layers: 2 ** 30, hidden_size: -1 }, { hidden_size: '4096' }])(
    '%j takes nothing that can be told',
    (config) => {
      expect(modelShape(config)).toMatchObject({ caches: [], hiddenSize: 0 });
    },
  );

  test('whatever a file says, the shape is finite and not negative', () => {
    const names = [
      ...Object.keys(LLAMA_8B),
      'layer_types',
      'sliding_window',
      'head_dim',
      'text_config',
      'kv_lora_rank',
    ];
    fc.assert(
      fc.property(fc.dictionary(fc.constantFrom(...names), fc.jsonValue()), (config) => {
        const shape = modelShape(config);
        const sizes = [
          shape.stateBytes,
          shape.hiddenSize,
          ...shape.caches.map((cache) => cache.elementsPerToken),
        ];
        expect(sizes.every((size) => Number.isFinite(size) && size >= 0)).toBe(true);
      }),
    );
  });
});
