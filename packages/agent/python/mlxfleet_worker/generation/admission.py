"""Whether one more completion fits into the memory that is left. Pure arithmetic, no MLX."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

RESERVED_COMPLETION_TOKENS = 1024
"""Counted for a completion that may be longer: most are not, and one that is can still be refused on the way."""

SLACK = 0.9
"""Share of the limit that caches may fill: activations and the copy that a joining row makes need the rest."""


@dataclass(frozen=True, slots=True)
class LayerCost:
    """Bytes that one token takes in one kind of layer; `window` is the most tokens that such a layer keeps."""

    bytes_per_token: float
    window: int | None = None


class Room(Enum):
    """The answer to a completion that wants to begin."""

    FITS = "fits"
    WAIT = "wait"
    """When others have finished."""
    NEVER = "never"
    """Not even alone."""


class MemoryBudget:
    """Bytes for the caches of a batch. Rows are padded to the longest, so a batch costs its rows times its longest."""

    def __init__(self, limit_bytes: int | None, weight_bytes: int, layers: Sequence[LayerCost]) -> None:
        """Take the worker's limit (None: no bound), what it holds without any cache, and what its layers cost."""
        self._bytes = None if limit_bytes is None else max(int(limit_bytes * SLACK) - weight_bytes, 0)
        self._layers = layers

    @property
    def bytes_per_token(self) -> float:
        """Bytes that one more token of a long context takes."""
        return sum(layer.bytes_per_token for layer in self._layers if layer.window is None)

    def length(self, prompt_tokens: int, max_tokens: int) -> int:
        """Tokens to count for one completion."""
        return prompt_tokens + min(max_tokens, RESERVED_COMPLETION_TOKENS)

    def cost(self, rows: int, longest: int) -> int:
        """Bytes of a batch of so many rows, the longest of them this many tokens long."""
        each = sum(
            layer.bytes_per_token * (longest if layer.window is None else min(longest, layer.window))
            for layer in self._layers
        )
        return int(rows * each)

    def room(self, running: Sequence[int], length: int) -> Room:
        """Whether a completion of this length may begin beside the running ones of those lengths."""
        if self._bytes is None or self.cost(len(running) + 1, max(length, *running, 0)) <= self._bytes:
            return Room.FITS
        return Room.WAIT if running and self.cost(1, length) <= self._bytes else Room.NEVER

    def left(self, running: Sequence[int]) -> int | None:
        """Bytes beside the running completions, for prefixes that are kept; None where there is no bound."""
        return None if self._bytes is None else max(self._bytes - self.cost(len(running), max(running, default=0)), 0)
