"""Make a llama with random bfloat16 weights and the tiny model's byte tokenizer, for figures at real decoding speed.

Usage: python make_model.py TINY_TEXT_FOLDER FOLDER SIZE. Sizes are those of Qwen2.5 models: how long a step takes does
not depend on what the weights say. Only printable characters have an embedding other than zero, so answers consist
of them and never end by themselves (see scripts/models/make_plain_text.py).
"""

import json
import shutil
import sys
from pathlib import Path

import mlx.core as mx
from mlx.utils import tree_flatten
from mlx_lm.models import llama

SIZES: dict[str, dict[str, int]] = {
    "0.01b": {"hidden_size": 256, "num_hidden_layers": 4, "intermediate_size": 512, "num_attention_heads": 4},
    "0.5b": {"hidden_size": 896, "num_hidden_layers": 24, "intermediate_size": 4864, "num_attention_heads": 14},
    "3b": {"hidden_size": 2048, "num_hidden_layers": 36, "intermediate_size": 11008, "num_attention_heads": 16},
}
VOCABULARY_SIZE = 151_936
WEIGHT_SCALE = 0.02
EMBEDDING = "model.embed_tokens.weight"


def main() -> None:
    """Write the folder."""
    source, folder, size = Path(sys.argv[1]), Path(sys.argv[2]), SIZES[sys.argv[3]]
    shutil.copytree(source, folder, dirs_exist_ok=True)
    config = {
        **json.loads((source / "config.json").read_text()),
        **size,
        "num_key_value_heads": 2,
        "vocab_size": VOCABULARY_SIZE,
    }
    (folder / "config.json").write_text(json.dumps(config))
    vocabulary: dict[str, int] = json.loads((source / "tokenizer.json").read_text())["model"]["vocab"]
    printable = mx.array([id for token, id in vocabulary.items() if len(token) == 1 and "!" <= token <= "~"])
    mx.random.seed(1)
    weights = {}
    for name, value in tree_flatten(llama.Model(llama.ModelArgs.from_dict(config)).parameters()):
        weights[name] = (mx.random.normal(value.shape) * WEIGHT_SCALE if value.ndim > 1 else value).astype(mx.bfloat16)
    rows = mx.zeros_like(weights[EMBEDDING])
    rows[printable] = weights[EMBEDDING][printable]
    weights[EMBEDDING] = rows
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})


if __name__ == "__main__":
    main()
