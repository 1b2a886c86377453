"""Make a tiny llama with random weights and a byte tokenizer: what most tests run on.

Usage: python make_tiny_text.py FOLDER. Needs mlx, mlx-lm and tokenizers. The same folder comes out every time.
"""

import json
import sys
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import llama
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

SPECIAL_TOKENS = ("<|endoftext|>", "<|im_start|>", "<|im_end|>")

CHAT_TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)

WEIGHT_SCALE = 0.3
"""Large enough that greedy output varies with the prompt, and that no two logits are nearly equal."""


def make_tokenizer() -> Tokenizer:
    """One token for each byte, after the special tokens."""
    alphabet = (*SPECIAL_TOKENS, *sorted(pre_tokenizers.ByteLevel.alphabet()))
    tokenizer = Tokenizer(models.BPE(vocab={token: id for id, token in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in SPECIAL_TOKENS])
    return tokenizer


def make_config(vocabulary_size: int) -> dict[str, object]:
    """The model's config.json."""
    return {
        "model_type": "llama",
        "hidden_size": 64,
        "num_hidden_layers": 2,
        "intermediate_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-5,
        "vocab_size": vocabulary_size,
        "rope_theta": 10000.0,
        "max_position_embeddings": 8192,
        "tie_word_embeddings": True,
        "eos_token_id": SPECIAL_TOKENS.index("<|im_end|>"),
        "bos_token_id": SPECIAL_TOKENS.index("<|im_start|>"),
    }


def make_weights(config: dict[str, object]) -> dict[str, mx.array]:
    """Random matrices from a fixed seed; norms keep their initial values."""
    mx.random.seed(1)
    model = llama.Model(llama.ModelArgs.from_dict(config))
    return {
        name: mx.random.normal(value.shape) * WEIGHT_SCALE if value.ndim > 1 else value
        for name, value in tree_flatten(model.parameters())
    }


def main(folder: Path) -> None:
    """Write the model folder."""
    folder.mkdir(parents=True, exist_ok=True)
    tokenizer = make_tokenizer()
    tokenizer.save(str(folder / "tokenizer.json"))
    tokenizer_config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "chat_template": CHAT_TEMPLATE,
    }
    (folder / "tokenizer_config.json").write_text(json.dumps(tokenizer_config))
    config = make_config(tokenizer.get_vocab_size())
    (folder / "config.json").write_text(json.dumps(config))
    mx.save_safetensors(str(folder / "model.safetensors"), make_weights(config), metadata={"format": "mlx"})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
