"""Arrays of many layers that have one row per token, packed into few arrays: a buffer for each would be too many.

Metal allows a process about 499000 buffers, and a model of 60 layers has 120 arrays for each piece of a prompt.
"""

from collections.abc import Sequence
from typing import NamedTuple

import mlx.core as mx

Packed = tuple[mx.array, ...]
"""One array for each group: (rows, heads, tokens, size)."""


class Group(NamedTuple):
    """Arrays of one shape and type, stacked."""

    heads: int
    size: int
    dtype: mx.Dtype


class Packing:
    """Which array of which layer is which row of which group. Arrays are (1, heads, tokens, size)."""

    def __init__(self, arrays: Sequence[mx.array]) -> None:
        self._members: dict[Group, list[int]] = {}
        for index, array in enumerate(arrays):
            self._members.setdefault(_group(array), []).append(index)
        self.groups = list(self._members)
        self._count = len(arrays)
        self.bytes_per_token = sum(array.nbytes // array.shape[2] for array in arrays)

    def fits(self, arrays: Sequence[mx.array]) -> bool:
        """Whether these are arrays of the same shapes and types, one sequence each."""
        if len(arrays) != self._count or any(array.shape[0] != 1 for array in arrays):
            return False
        return all(_group(arrays[index]) == group for group, members in self._members.items() for index in members)

    def pack(self, arrays: Sequence[mx.array], start: int, stop: int) -> Packed:
        """Copies of the tokens from `start` to `stop`, which keep nothing else alive once evaluated."""
        return tuple(
            mx.contiguous(mx.concatenate([arrays[index][:, :, start:stop] for index in members]))
            for members in self._members.values()
        )

    def unpack(self, packed: Packed) -> list[mx.array]:
        """The layers' arrays again, which share the packed buffers."""
        arrays: list[mx.array | None] = [None] * self._count
        for group, members in zip(packed, self._members.values(), strict=True):
            for row, index in enumerate(members):
                arrays[index] = group[row : row + 1]
        return arrays  # every index is a member of one group

    def matches(self, packed: Packed, tokens: int) -> bool:
        """Whether these arrays, read from a file, are so many tokens of this model."""
        return len(packed) == len(self.groups) and all(
            array.shape == (len(members), group.heads, tokens, group.size) and array.dtype == group.dtype
            for array, (group, members) in zip(packed, self._members.items(), strict=True)
        )


def cut(packed: Packed, start: int, stop: int) -> Packed:
    """Copies of some of the tokens."""
    return tuple(mx.contiguous(array[:, :, start:stop]) for array in packed)


def join(parts: Sequence[Packed]) -> Packed:
    """One after the other. Nothing is computed before it is needed."""
    return parts[0] if len(parts) == 1 else tuple(mx.concatenate(group, axis=2) for group in zip(*parts, strict=True))


def part(packed: Packed, start: int, stop: int) -> Packed:
    """Some of the tokens, sharing the buffers; for values that do not stay."""
    return tuple(array[:, :, start:stop] for array in packed)


def _group(array: mx.array) -> Group:
    return Group(array.shape[1], array.shape[3], array.dtype)
