"""Make the vision model of the benchmarks: it sees at a price, writes only printable ASCII and never ends by itself.

Needs mlx, mlx-vlm and tokenizers. Its shape is that of Qwen2-VL. In the real
model of two billion parameters one image costs as much time as dozens of tokens do; here, a tower that is larger than
the text part keeps that relation: a quarter of a second for an image on two processor cores.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import mlx.core as mx
from byte_tokenizer import make_tokenizer
from make_tiny_vision import make_config, make_weights, write_folder
from tokenizers import Tokenizer
from vision_families import QWEN2_VL, Json, TokenIds, qwen2_vl_config, qwen_preprocessor

TOWER_LAYERS = 8
TOWER_WIDTH = 128
TOWER_HEADS = 4
PIXELS = 225 * 225
"""Larger images are made smaller, square ones to 224 pixels a side: 256 patches, 64 tokens."""

CONTEXT = 32_768
"""Room for the pages of a document."""


def plain_config(ids: TokenIds) -> Json:
    """The tiny model's, with a larger tower."""
    config = qwen2_vl_config(ids)
    config["max_position_embeddings"] = CONTEXT
    config["vision_config"].update(depth=TOWER_LAYERS, embed_dim=TOWER_WIDTH, num_heads=TOWER_HEADS, mlp_ratio=4)
    return config


def printable_only(weights: dict[str, mx.array], tokenizer: Tokenizer) -> dict[str, mx.array]:
    """Rows of the tied embedding that stand for other tokens become zeros, and so do their logits."""
    vocabulary = tokenizer.get_vocab()
    printable = mx.array([id for token, id in vocabulary.items() if len(token) == 1 and "!" <= token <= "~"])
    rows = mx.zeros_like(weights[QWEN2_VL.embedding])
    rows[printable] = weights[QWEN2_VL.embedding][printable]
    return {**weights, QWEN2_VL.embedding: rows}


def main(folder: Path) -> None:
    """Write the model folder."""
    family = replace(QWEN2_VL, config=plain_config, preprocessor=qwen_preprocessor(14, max_pixels=PIXELS))
    tokenizer = make_tokenizer(family.special, family.visible)
    config = make_config(family, tokenizer)
    weights = printable_only(make_weights(family, config, tokenizer), tokenizer)
    # Matrices of the tower as large as they are would drown every image in the same noise.
    narrow = (64 / TOWER_WIDTH) ** 0.5
    for name, value in weights.items():
        if name.startswith("vision_tower") and value.ndim > 1:
            weights[name] = value * narrow
    write_folder(folder, "qwen2-vl", family, tokenizer, config, weights)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path, help="where the model is written")
    main(parser.parse_args().folder)
