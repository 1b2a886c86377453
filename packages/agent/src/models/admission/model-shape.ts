import type { LayerCache, ModelShape } from '../../memory/memory-estimate.ts';
import { FAMILY_DEFAULTS } from './family-defaults.ts';
import { type Fields, record, size } from './config-fields.ts';

/**
 * The shape of a model from its config.json, in the spellings of the families that mlx-lm loads. A foreign file: whatever it
 * lacks, or says in another way, counts as a plain transformer, which takes the most.
 */
export function modelShape(config: unknown): ModelShape {
  const outer = record(config);
  // Models with further senses hold their text model apart.
  const text = outer['text_config'] ?? outer['llm_config'] ?? outer['language_config'];
  const fields = text === undefined ? outer : nestedFields(outer, record(text));
  const hiddenSize = size(fields, 'hidden_size', 'n_embd', 'd_model', 'dim') ?? 0;
  const kinds = layerKinds(fields);
  const elements = elementsPerToken(fields, hiddenSize);
  const window = size(fields, 'sliding_window', 'sliding_window_size', 'attention_window_size');
  const count = (kind: LayerKind): number => kinds.filter((each) => each === kind).length;
  const caches: LayerCache[] = [
    { elementsPerToken: count('full') * elements, window: null },
    { elementsPerToken: count('window') * elements, window },
  ];
  return {
    caches: caches.filter((cache) => cache.elementsPerToken > 0),
    stateBytes: count('state') * stateBytes(fields, hiddenSize),
    hiddenSize,
    intermediateSize: intermediateSize(fields, hiddenSize),
    vocabularySize: size(fields, 'vocab_size') ?? 0,
    contextLength: size(fields, 'max_position_embeddings', 'n_positions', 'max_seq_len', 'seq_length'),
    bytesPerElement: (fields['torch_dtype'] ?? fields['dtype']) === 'float32' ? 4 : 2,
  };
}

function nestedFields(outer: Fields, text: Fields): Fields {
  return { ...FAMILY_DEFAULTS[String(text['model_type'])], ...outer, ...text };
}

/** What a layer keeps of a sequence: all tokens, the last ones, a state of constant size, or nothing. */
type LayerKind = 'full' | 'window' | 'state' | 'nothing';

/** Names of layers in `layer_types` and its relatives. Others attend to everything. */
const NAMED: Readonly<Record<string, LayerKind>> = {
  sliding_attention: 'window',
  local_attention: 'window',
  linear_attention: 'state',
  conv: 'state',
  mamba: 'state',
  mamba2: 'state',
  recurrent: 'state',
  mlp: 'nothing',
  moe: 'nothing',
};
/** Letters of `hybrid_override_pattern`. */
const LETTERS: Readonly<Record<string, LayerKind>> = {
  M: 'state',
  '*': 'full',
  '-': 'nothing',
  E: 'nothing',
};
/** Architectures whose every layer is recurrent, and has no attention. */
const RECURRENT = /^(mamba|mamba2|falcon_mamba|rwkv7)$/;

/** A file that claims more is wrong, and a list of so many would cost the agent its memory. */
const MOST_LAYERS = 2000;

function layerKinds(fields: Fields): LayerKind[] {
  const claimed = size(fields, 'num_hidden_layers', 'n_layer', 'n_layers', 'num_layers') ?? 0;
  const layers = Math.min(claimed, MOST_LAYERS);
  const named = fields['layer_types'] ?? fields['layers_block_type'] ?? fields['block_types'];
  if (Array.isArray(named) && named.length > 0) {
    // A shorter list repeats.
    return Array.from({ length: layers || named.length }, (_, layer): LayerKind => {
      return NAMED[String(named[layer % named.length])] ?? 'full';
    });
  }
  const letters = fields['hybrid_override_pattern'];
  if (typeof letters === 'string')
    return Array.from(letters, (letter): LayerKind => LETTERS[letter] ?? 'full');
  if (RECURRENT.test(String(fields['model_type']))) return Array<LayerKind>(layers).fill('state');
  const [period, offset, other] = fullEvery(fields);
  return Array.from({ length: layers }, (_, layer): LayerKind => {
    return layer % period === offset ? 'full' : other;
  });
}

/** One layer in so many attends to everything, at this place among them; what the others keep. */
function fullEvery(fields: Fields): [period: number, offset: number, other: LayerKind] {
  const interval = size(fields, 'full_attention_interval');
  if (interval !== null) return [interval, interval - 1, 'state'];
  const jamba = size(fields, 'attn_layer_period');
  if (jamba !== null) return [jamba, size(fields, 'attn_layer_offset') ?? 0, 'state'];
  const pattern = size(fields, 'sliding_window_pattern');
  if (pattern !== null && size(fields, 'sliding_window') !== null) return [pattern, pattern - 1, 'window'];
  return [1, 0, 'full'];
}

/** Keys and values of one token in one layer. */
function elementsPerToken(fields: Fields, hiddenSize: number): number {
  // Multi-head latent attention keeps one compressed vector, and the part of the key that carries the position.
  const latent = size(fields, 'kv_lora_rank');
  if (latent !== null) return latent + (size(fields, 'qk_rope_head_dim') ?? 0);
  const heads = size(fields, 'num_attention_heads', 'n_head', 'n_heads') ?? 0;
  const kept =
    fields['multi_query'] === true ? 1 : (size(fields, 'num_key_value_heads', 'num_kv_heads') ?? heads);
  const keySize = size(fields, 'head_dim') ?? (heads === 0 ? 0 : Math.ceil(hiddenSize / heads));
  const valueSize = size(fields, 'v_head_dim') ?? keySize;
  return kept * (keySize + valueSize);
}

/** Numbers of 32 bits that a recurrent layer keeps for each dimension of the hidden state where it does not say better. */
const STATE_PER_DIMENSION = 256;

/** Bytes of the state of one recurrent layer, for one sequence. */
function stateBytes(fields: Fields, hiddenSize: number): number {
  const linear = product(fields, 'linear_num_value_heads', 'linear_key_head_dim', 'linear_value_head_dim');
  const mamba = product(fields, 'mamba_num_heads', 'mamba_head_dim', 'ssm_state_size');
  const granite = product(fields, 'mamba_n_heads', 'mamba_d_head', 'mamba_d_state');
  // Short convolutions keep a few past inputs only.
  const convolution = size(fields, 'conv_L_cache');
  if (convolution !== null) return convolution * hiddenSize * 4;
  return 4 * (linear ?? mamba ?? granite ?? STATE_PER_DIMENSION * hiddenSize);
}

/** Width that one token passes through: of a mixture the experts that it goes to. */
function intermediateSize(fields: Fields, hiddenSize: number): number {
  const dense = size(fields, 'intermediate_size', 'ffn_dim', 'n_inner') ?? 4 * hiddenSize;
  const chosen = size(fields, 'num_experts_per_tok', 'num_experts_per_token') ?? 0;
  return Math.max(dense, chosen * (size(fields, 'moe_intermediate_size') ?? 0));
}

function product(fields: Fields, ...names: readonly string[]): number | null {
  const factors = names.map((name) => size(fields, name));
  return factors.reduce((result, factor) => (result === null || factor === null ? null : result * factor), 1);
}
