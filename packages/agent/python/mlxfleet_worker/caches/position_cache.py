"""Where each sequence of a batch is in its prompt, for models that have to be told: a layer's cache that holds nothing.

Images enter a model as embeddings in place of tokens, and some models place tokens by more than their number. Both are
known for a whole prompt and needed for a chunk of it. Kept as one more cache, they go wherever the sequence goes: into
a batch, out of it, and from one to another.
"""

from typing import Any, Self


class PositionCache:
    """The position of one sequence. `embeddings` is what its model is given for the prompt; None for plain text."""

    def __init__(self, offset: int = 0, embeddings: Any = None) -> None:
        self.offset = offset
        self.embeddings = embeddings

    @property
    def state(self) -> list[Any]:
        """Nothing to evaluate or to keep."""
        return []

    @property
    def nbytes(self) -> int:
        """No bytes of cache."""
        return 0

    def size(self) -> int:
        """Tokens before the position."""
        return self.offset

    def empty(self) -> bool:
        """Whether there are none."""
        return self.offset == 0

    def is_trimmable(self) -> bool:
        """Whether it can go back."""
        return True

    def trim(self, count: int) -> int:
        """Go back by so many tokens; returns by how many."""
        self.offset -= count
        return count

    def rows(self) -> list["PositionCache"]:
        """The positions of all sequences: this one."""
        return [self]

    def advance(self, count: int) -> None:
        """Go on by so many tokens."""
        self.offset += count

    @classmethod
    def merge(cls, positions: list["PositionCache"]) -> "BatchPositionCache":
        """The positions of several sequences."""
        return BatchPositionCache([PositionCache(each.offset, each.embeddings) for each in positions])

    def __deepcopy__(self, _memo: dict[int, Any]) -> "PositionCache":
        # Embeddings are shared: they do not change with the position.
        return PositionCache(self.offset, self.embeddings)


class BatchPositionCache:
    """The positions of several sequences, in the order of their rows: the interface of mlx-lm's caches of batches."""

    def __init__(self, rows: list[PositionCache]) -> None:
        self._rows = rows
        self._right_padding: list[int] | None = None

    state = PositionCache.state
    nbytes = PositionCache.nbytes
    is_trimmable = PositionCache.is_trimmable

    def rows(self) -> list[PositionCache]:
        """The positions of all sequences."""
        return self._rows

    def advance(self, count: int) -> None:
        """Go on by so many tokens, padding included."""
        for row in self._rows:
            row.advance(count)

    def prepare(self, *, lengths: list[int] | None = None, right_padding: list[int] | None = None) -> None:  # noqa: ARG002
        """Say how much padding is behind each row's tokens of the next chunk."""
        self._right_padding = right_padding

    def finalize(self) -> None:
        """Go back over the padding."""
        padding, self._right_padding = self._right_padding, None
        for row, count in zip(self._rows, padding or [], strict=padding is not None):
            row.trim(count)

    def filter(self, indices: list[int]) -> None:
        """Keep only these rows."""
        self._rows = [self._rows[index] for index in indices]

    def extend(self, other: Self) -> None:
        """Take over the rows of another batch."""
        self._rows = [*self._rows, *other._rows]

    def extract(self, index: int) -> PositionCache:
        """The position of one row."""
        row = self._rows[index]
        return PositionCache(row.offset, row.embeddings)

    def trim(self, count: int) -> int:
        """Go back by so many tokens in every row; returns by how many."""
        for row in self._rows:
            row.trim(count)
        return count
