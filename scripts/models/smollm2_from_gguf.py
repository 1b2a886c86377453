"""Convert a GGUF file of the llama architecture (Q4_0, Q4_1, Q8_0 or F16) into a model folder for MLX.

Usage: python smollm2_from_gguf.py FILE.gguf FOLDER. Needs mlx and tokenizers. No weight is quantized again.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

import mlx.core as mx
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

GROUP_SIZE = 32
"""Weights that share one scale, in every quantization that GGUF and MLX have in common."""

USUAL_BITS = 4
CONTROL_TOKEN = 3
"""GGUF's type of a special token."""

OUTER_NAMES = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER_NAMES = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_norm": "post_attention_layernorm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}

Metadata = dict[str, Any]


def mlx_name(name: str) -> str:
    """Translate a GGUF tensor name, such as blk.3.attn_q.weight. Raises KeyError for an unknown one."""
    if layer := re.fullmatch(r"blk\.(\d+)\.(\w+)\.(\w+)", name):
        number, part, kind = layer.groups()
        return f"model.layers.{number}.{LAYER_NAMES[part]}.{kind}"
    part, kind = name.rsplit(".", 1)
    return f"{OUTER_NAMES[part]}.{kind}"


def quantization_of(weights: dict[str, mx.array]) -> dict[str, Any]:
    """The `quantization` entry of config.json: the usual bits, and each layer that differs."""
    quantization: dict[str, Any] = {"group_size": GROUP_SIZE, "bits": USUAL_BITS}
    for name, weight in weights.items():
        layer, kind = name.rsplit(".", 1)
        if kind != "weight" or "norm" in layer:
            continue
        scales = weights.get(f"{layer}.scales")
        if scales is None:
            quantization[layer] = False
            continue
        # Weights are packed in 32-bit words.
        bits = weight.shape[-1] * 32 // (scales.shape[-1] * GROUP_SIZE)
        if bits != USUAL_BITS:
            quantization[layer] = {"group_size": GROUP_SIZE, "bits": bits}
    return quantization


def make_config(metadata: Metadata, weights: dict[str, mx.array]) -> dict[str, Any]:
    """The model's config.json."""

    def number(key: str) -> float:
        value = metadata[key]
        return value.item() if isinstance(value, mx.array) else value

    return {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "hidden_size": number("llama.embedding_length"),
        "num_hidden_layers": number("llama.block_count"),
        "intermediate_size": number("llama.feed_forward_length"),
        "num_attention_heads": number("llama.attention.head_count"),
        "num_key_value_heads": number("llama.attention.head_count_kv"),
        "rms_norm_eps": number("llama.attention.layer_norm_rms_epsilon"),
        "vocab_size": number("llama.vocab_size"),
        "rope_theta": number("llama.rope.freq_base"),
        # GGUF stores the query and key weights in the interleaved order.
        "rope_traditional": True,
        "max_position_embeddings": number("llama.context_length"),
        "tie_word_embeddings": "lm_head.weight" not in weights,
        "bos_token_id": number("tokenizer.ggml.bos_token_id"),
        "eos_token_id": number("tokenizer.ggml.eos_token_id"),
        "torch_dtype": "float16",
        "quantization": quantization_of(weights),
    }


def make_tokenizer(metadata: Metadata) -> Tokenizer:
    """The byte-level BPE tokenizer that the file describes."""
    tokens: list[str] = metadata["tokenizer.ggml.tokens"]
    kinds: list[int] = metadata["tokenizer.ggml.token_type"].tolist()
    merges = [tuple(merge.split(" ")) for merge in metadata["tokenizer.ggml.merges"]]
    tokenizer = Tokenizer(models.BPE(vocab={token: id for id, token in enumerate(tokens)}, merges=merges))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Digits(individual_digits=True),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
        ]
    )
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token, kind in zip(tokens, kinds, strict=True) if kind == CONTROL_TOKEN]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def main(source: Path, folder: Path) -> None:
    """Write the model folder."""
    tensors, metadata = mx.load(str(source), return_metadata=True)
    weights = {mlx_name(name): value for name, value in tensors.items()}
    folder.mkdir(parents=True, exist_ok=True)
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})
    config = make_config(metadata, weights)
    (folder / "config.json").write_text(json.dumps(config, indent=1))
    make_tokenizer(metadata).save(str(folder / "tokenizer.json"))
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": "<|im_start|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|im_end|>",
        "unk_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": config["max_position_embeddings"],
        "chat_template": metadata["tokenizer.chat_template"],
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config, indent=1))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
