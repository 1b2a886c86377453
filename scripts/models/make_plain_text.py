"""Make the model of the benchmarks: the tiny model, which writes nothing but printable ASCII and never ends by itself.

Usage: python make_plain_text.py TINY_TEXT_FOLDER FOLDER. A model that writes random bytes measures servers unequally:
some hold back what is not yet a character, and an end token at a random place ends one answer and not the other.
"""

import json
import shutil
import sys
from pathlib import Path

import mlx.core as mx

EMBEDDING = "model.embed_tokens.weight"


def main() -> None:
    """Copy the folder; rows of the tied embedding that stand for other tokens become zeros, and so do their logits."""
    source, folder = map(Path, sys.argv[1:])
    shutil.copytree(source, folder, dirs_exist_ok=True)
    vocabulary: dict[str, int] = json.loads((source / "tokenizer.json").read_text())["model"]["vocab"]
    printable = [id for token, id in vocabulary.items() if len(token) == 1 and "!" <= token <= "~"]
    weights = mx.load(str(source / "model.safetensors"))
    rows = mx.zeros_like(weights[EMBEDDING])
    rows[mx.array(printable)] = weights[EMBEDDING][mx.array(printable)]
    weights[EMBEDDING] = rows
    mx.save_safetensors(str(folder / "model.safetensors"), weights, metadata={"format": "mlx"})


if __name__ == "__main__":
    main()
