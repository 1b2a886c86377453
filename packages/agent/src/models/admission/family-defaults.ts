import type { Fields } from './config-fields.ts';

/**
 * What the `text_config` of vision models leaves out when it is as in the first model of its family, by its `model_type`:
 * LLaVA says of its text model little more than the name, Gemma 3 nothing of its heads. The figures are those that
 * transformers, mlx-lm and mlx-vlm fill in.
 */
export const FAMILY_DEFAULTS: Readonly<Record<string, Fields>> = {
  llama: {
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    intermediate_size: 11_008,
    vocab_size: 32_000,
  },
  mistral: {
    hidden_size: 4096,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    intermediate_size: 14_336,
    vocab_size: 32_000,
  },
  gemma3_text: {
    num_attention_heads: 8,
    num_key_value_heads: 4,
    head_dim: 256,
    sliding_window: 1024,
    sliding_window_pattern: 6,
    vocab_size: 262_208,
  },
};
