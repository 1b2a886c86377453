"""Forbids tokens in the logits of a step.

A mask has a bit for each token. Filling one takes 3 to 120 µs of a processor core for a row (259 to 152,000 tokens; up
to 15 ms where a grammar is at its limits) and can be done while the device runs the model. The bits are expanded on the
device with plain operations, since llguidance's own kernel needs Metal: 19 kB of a row cross over instead of 152, and
the three operations cost about as much as reading the logits twice.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from os import cpu_count
from typing import TYPE_CHECKING

import mlx.core as mx
import numpy as np
from llguidance import LLExecutor
from numpy.typing import NDArray

from .vocabulary import BITS

if TYPE_CHECKING:
    from .matcher import Matcher

ALL = np.uint32(0xFFFFFFFF)
MAX_THREADS = 8


@dataclass(frozen=True, slots=True)
class MaskBatch:
    """The masks of one step: plain memory, no MLX."""

    words: NDArray[np.uint32] | None
    """One row of bits for each row of the batch, lowest first; None when no row is constrained."""
    constrained: NDArray[np.bool_]

    def apply(self, logits: mx.array) -> mx.array:
        """Minus infinity for every forbidden token, [rows, tokens]; all else stays bit for bit. Lazy, as MLX is."""
        if self.words is None:
            return logits
        rows, tokens = logits.shape
        mask = mx.array(self._words_for(tokens).view(np.uint8))
        bits = (mask[:, :, None] & mx.array([1 << place for place in range(8)], dtype=mx.uint8)) != 0
        return mx.where(bits.reshape(rows, -1)[:, :tokens], logits, mx.array(-mx.inf, dtype=logits.dtype))

    def _words_for(self, tokens: int) -> NDArray[np.uint32]:
        """The masks, with none of the tokens allowed that a model has beyond those that its configuration tells of."""
        assert self.words is not None
        missing = -(-tokens // BITS) - self.words.shape[1]
        if missing <= 0:
            return self.words
        more = np.where(self.constrained[:, None], np.uint32(0), ALL)
        return np.concatenate([self.words, np.repeat(more, missing, axis=1)], axis=1)


def prepare_masks(matchers: "Sequence[Matcher | None]") -> MaskBatch:
    """Fill the masks of a step, one matcher for each row. No MLX; lets other Python threads run meanwhile.

    Never raises for a matcher: one that fails notes its `failure`, and its row allows everything.
    """
    active = [(row, matcher) for row, matcher in enumerate(matchers) if matcher is not None and matcher.failure is None]
    constrained = np.zeros(len(matchers), dtype=np.bool_)
    if not active:
        return MaskBatch(None, constrained)
    words = np.full((len(matchers), active[0][1].vocabulary.words), ALL)
    _fill(words, active)
    for row, matcher in active:
        matcher.check()
        _fit_to_model(words[row], matcher)
        if matcher.failure is None:
            constrained[row] = True
        else:
            # llguidance allows the end of the sequence where it failed.
            words[row] = ALL
    return MaskBatch(words, constrained)


def _fill(words: NDArray[np.uint32], active: "Sequence[tuple[int, Matcher]]") -> None:
    row_bytes = words.shape[1] * words.itemsize
    if len(active) == 1 or _threads() == 1:
        for row, matcher in active:
            matcher.library.unsafe_compute_mask_ptr(words.ctypes.data + row * row_bytes, row_bytes)
        return
    jobs = [(matcher.library, row) for row, matcher in active]
    _executor().unsafe_compute_mask_ptr(jobs, words.ctypes.data, row_bytes, len(words))


def _fit_to_model(row: NDArray[np.uint32], matcher: "Matcher") -> None:
    """Take out what llguidance allows for not knowing the model. Both are rare, and then somebody's odd model."""
    vocabulary = matcher.vocabulary
    if vocabulary.ordinary_end_bits is not None and not matcher.is_accepting:
        row &= ~vocabulary.ordinary_end_bits
    if vocabulary.missing_bits is not None:
        row &= ~vocabulary.missing_bits
        if not row.any():
            matcher.fail("the model has none of the tokens that may follow")


def _threads() -> int:
    """Rows of one grammar wait for one another, so more threads than this find nothing to do."""
    return min(MAX_THREADS, (cpu_count() or 1) // 2)


@cache
def _executor() -> LLExecutor:
    return LLExecutor(_threads())
