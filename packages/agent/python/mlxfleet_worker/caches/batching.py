"""How far a model of mlx-lm can work on several sequences at once, found by trying."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.generate import PromptProcessingBatch
from mlx_lm.models.cache import RotatingKVCache

from ..log import log
from .layout import TOKEN_CACHES, leaf_caches, state_arrays

ATTENTION_CACHES = (*TOKEN_CACHES, RotatingKVCache)
TEXT = [5, 4, 3, 2, 1]
LONGER_TEXT = [*TEXT, *TEXT]
TEXTS = [TEXT, *[LONGER_TEXT] * 6]
"""Seven: with as many rows as a model has heads, a mask of another shape may fit by accident."""
LARGEST_ERROR = 0.25
"""Of a state's largest value. Padding that is taken for text gives about 1, rounding a few hundredths."""


class Batching(Enum):
    """What can be done together."""

    EVERYTHING = "everything"
    DECODING = "decoding"
    """Prompts are computed one at a time: recurrent layers take the padding behind the shorter ones for text."""
    NOTHING = "nothing"
    """Not even decoding: the model's code takes one sequence only."""


def find_batching(model: nn.Module, make_caches: Callable[[], list[Any]]) -> Batching:
    """What the model can do. Of mlx-lm 0.32.2, Mamba 1, Jamba and RecurrentGemma take padding for text.

    Gemma 2 and GPT BigCode work on one sequence only.
    """
    alone = make_caches()
    model(mx.array([TEXT]), cache=alone)
    try:
        together = PromptProcessingBatch(model, list(range(len(TEXTS))), [make_caches() for _ in TEXTS])
        together.prompt(TEXTS)
        prefilled = together.extract_cache(0)
        mx.eval(model(mx.array([[6]] * len(TEXTS)), cache=together.prompt_cache))
    except Exception as error:  # Whatever the code of a model raises.
        log(f"this model cannot work on several sequences at once; requests are served one by one: {error}")
        return Batching.NOTHING
    return Batching.EVERYTHING if _have_same_states(prefilled, alone) else Batching.DECODING


def _have_same_states(caches: list[Any], expected: list[Any]) -> bool:
    return all(
        _error(value, other) < LARGEST_ERROR
        for cache, plain in zip(leaf_caches(caches), leaf_caches(expected), strict=True)
        if type(plain) not in ATTENTION_CACHES
        for value, other in zip(state_arrays(cache.state), state_arrays(plain.state), strict=True)
    )


def _error(value: mx.array, expected: mx.array) -> float:
    value, expected = value.astype(mx.float32), expected.astype(mx.float32)
    if value.shape != expected.shape:
        return 1.0
    return (mx.abs(value - expected).max() / mx.maximum(mx.abs(expected).max(), 1e-6)).item()
