"""What a model is given for a prompt with images: embeddings in place of tokens, and where they stand."""

from typing import NamedTuple

import mlx.core as mx
import numpy as np

from .tower import Positions


class Chunk(NamedTuple):
    """A chunk of a prompt."""

    embeddings: mx.array
    """(tokens, hidden size)"""
    mask: mx.array
    """Which of the tokens stand for images, (tokens,)."""
    layers: list[mx.array] | None
    """What is added at those tokens in each of the first layers, (such tokens, hidden size) each."""


class PromptEmbeddings:
    """One prompt's."""

    def __init__(
        self,
        embeddings: mx.array,
        is_image: np.ndarray,
        layers: list[mx.array] | None,
        positions: Positions,
        known: int,
    ) -> None:
        """Take embeddings (tokens, hidden size), which tokens stand for images, and what layers add at those.

        Those of the first `known` tokens are not asked for.
        """
        self._embeddings = embeddings
        self._is_image = is_image
        self._layers = layers
        self._positions = positions.ids
        self.shift = positions.shift
        """How far positions behind the prompt are from the numbers of their tokens."""
        self.known = known
        self.length = len(is_image)
        """Tokens of the prompt."""

    def chunk(self, start: int, count: int, plain: mx.array) -> Chunk:
        """The tokens from `start`; behind the prompt, where a row has padding, of `plain` (tokens, hidden size)."""
        stop = min(start + count, self.length)
        known = self._embeddings[start:stop].astype(plain.dtype)
        mask = np.zeros(count, dtype=bool)
        mask[: stop - start] = self._is_image[start:stop]
        layers = None
        if self._layers is not None:
            before, inside = int(self._is_image[:start].sum()), int(mask.sum())
            layers = [each[before : before + inside] for each in self._layers]
        embeddings = known if stop - start == count else mx.concatenate([known, plain[stop - start :]])
        return Chunk(embeddings, mx.array(mask), layers)

    def forget(self) -> None:
        """Give them up: the prompt has been computed. Its positions are still asked for."""
        self._embeddings, self._layers = mx.array([]), None

    def positions_from(self, start: int, count: int) -> mx.array:
        """Positions (3, count) of the tokens from `start`."""
        behind = mx.arange(max(start, self.length), start + count) + self.shift
        behind = mx.broadcast_to(behind, (3, behind.shape[0]))
        if self._positions is None:
            return mx.broadcast_to(mx.arange(start, start + count), (3, count))
        return mx.concatenate([self._positions[:, start : start + count].astype(behind.dtype), behind], axis=1)
