"""Whether prompts of different lengths can be computed together."""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.generate import PromptProcessingBatch
from mlx_lm.models.cache import RotatingKVCache

from .layout import TOKEN_CACHES, leaf_caches, state_arrays

ATTENTION_CACHES = (*TOKEN_CACHES, RotatingKVCache)
TEXT = [5, 4, 3, 2, 1]
LONGER_TEXT = [*TEXT, *TEXT]
LARGEST_ERROR = 0.25
"""Of a state's largest value. Padding that is taken for text gives about 1, rounding a few hundredths."""


def leaves_padding_out(model: nn.Module, make_caches: Callable[[], list[Any]]) -> bool:
    """Whether the model leaves out the padding behind the shorter prompts of a batch. Found by trying.

    Attention does. Of the recurrent layers of mlx-lm 0.32.2 some take padding for text: Mamba 1, RecurrentGemma.
    """
    alone = make_caches()
    if all(type(leaf) in ATTENTION_CACHES for leaf in leaf_caches(alone)):
        return True
    model(mx.array([TEXT]), cache=alone)
    batch = PromptProcessingBatch(model, [0, 1], [make_caches(), make_caches()])
    batch.prompt([TEXT, LONGER_TEXT])
    return all(
        _error(padded, plain) < LARGEST_ERROR
        for leaf, other in zip(leaf_caches(batch.extract_cache(0)), leaf_caches(alone), strict=True)
        if type(other) not in ATTENTION_CACHES
        for padded, plain in zip(state_arrays(leaf.state), state_arrays(other.state), strict=True)
    )


def _error(value: mx.array, expected: mx.array) -> float:
    value, expected = value.astype(mx.float32), expected.astype(mx.float32)
    if value.shape != expected.shape:
        return 1.0
    return (mx.abs(value - expected).max() / mx.maximum(mx.abs(expected).max(), 1e-6)).item()
