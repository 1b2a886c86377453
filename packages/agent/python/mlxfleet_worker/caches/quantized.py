"""Keys and values kept in 8 or 4 bits, in caches that BatchGenerator can put together and take apart.

mlx-lm 0.32.2 has a quantized cache for one sequence only. `scaled_dot_product_attention` in its models/base.py takes
the quantized path for every cache that has `bits` and `group_size`.
"""

from collections.abc import Callable
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import (
    BatchKVCache,
    CacheList,
    KVCache,
    QuantizedKVCache,
    dynamic_roll,
    make_prompt_cache,
)

from .errors import UnsupportedCacheError

GROUP_SIZES = (64, 32)
"""Values that share a scale and a bias, the best first: of what MLX's kernels know, these fit heads of 32 and more."""

Quantized = tuple[mx.array, mx.array, mx.array]
"""Packed values, scales and biases, each (sequences, heads, tokens, part of the head)."""


def make_cache(model: nn.Module, kv_bits: int | None) -> list[Any]:
    """Empty caches of one sequence, one for each layer. With `kv_bits`, layers with a plain cache get a quantized one.

    Layers with sliding windows or recurrent states keep theirs: those do not grow with the context.
    """
    caches = make_prompt_cache(model)
    return caches if kv_bits is None else [_quantized(cache, kv_bits) for cache in caches]


def _quantized(cache: Any, bits: int) -> Any:
    if type(cache) is KVCache:
        return SequenceQuantizedKVCache(bits)
    if type(cache) is CacheList:
        return CacheList(*(_quantized(each, bits) for each in cache.caches))
    return cache


def group_size_for(key_size: int, value_size: int) -> int:
    """The group size that divides both sizes of a head. Raises UnsupportedCacheError when there is none."""
    for size in GROUP_SIZES:
        if key_size % size == 0 and value_size % size == 0 and key_size and value_size:
            return size
    raise UnsupportedCacheError(
        f"kv_bits needs heads whose size is a multiple of {GROUP_SIZES[-1]}; "
        f"this model has {key_size} for keys and {value_size} for values. Leave kv_bits out."
    )


class SequenceQuantizedKVCache(QuantizedKVCache):
    """mlx-lm's quantized cache of one sequence; it chooses its group size at the first tokens and can be merged."""

    def __init__(self, bits: int) -> None:
        super().__init__(group_size=GROUP_SIZES[0], bits=bits)

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[Quantized, Quantized]:
        """Append tokens, (1, heads, tokens, head size); returns all. Raises UnsupportedCacheError."""
        if self.keys is None:
            self.group_size = group_size_for(keys.shape[-1], values.shape[-1])
        return super().update_and_fetch(keys, values)

    def size(self) -> int:
        """Tokens held."""
        return self.offset

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return 0 if self.keys is None else sum(array.nbytes for array in (*self.keys, *self.values))

    @classmethod
    def merge(cls, caches: list["SequenceQuantizedKVCache"]) -> "BatchQuantizedKVCache":
        """One cache for the sequences of all."""
        return BatchQuantizedKVCache.merge(caches)


class BatchQuantizedKVCache(BatchKVCache):
    """Left-padded quantized keys and values of several sequences: BatchKVCache's interface, three arrays each."""

    keys: Quantized | None
    values: Quantized | None

    def __init__(self, left_padding: list[int], bits: int) -> None:
        super().__init__(left_padding)
        self.bits = bits
        self.group_size = GROUP_SIZES[0]

    def update_and_fetch(self, keys: mx.array, values: mx.array) -> tuple[Quantized, Quantized]:
        """Append tokens, (sequences, heads, tokens, head size); returns all. Raises UnsupportedCacheError."""
        if self.keys is None:
            self.group_size = group_size_for(keys.shape[-1], values.shape[-1])
        before, self._idx = self._idx, self._idx + keys.shape[2]
        self.offset = self.offset + keys.shape[2]
        self.keys = self._appended(self.keys, keys, before)
        self.values = self._appended(self.values, values, before)
        return self.keys_and_values()

    def _appended(self, stored: Quantized | None, new: mx.array, before: int) -> Quantized:
        added = mx.quantize(new, group_size=self.group_size, bits=self.bits)
        if stored is None or self._idx > stored[0].shape[2]:
            room = (new.shape[2] + self.step - 1) // self.step * self.step
            zeros = tuple(mx.zeros((*x.shape[:2], room, x.shape[3]), x.dtype) for x in added)
            stored = zeros if stored is None else _map(_joined, (_until(stored, before), zeros))
        for whole, part in zip(stored, added, strict=True):
            whole[..., before : self._idx, :] = part
        return stored

    def keys_and_values(self) -> tuple[Quantized, Quantized]:
        """What is in use of both."""
        return _until(self.keys, self._idx), _until(self.values, self._idx)

    def finalize(self) -> None:
        """Turn the right padding of the last prompts into left padding."""
        if self._right_padding is None:
            return
        padding, self._right_padding = self._right_padding, None
        self._change(lambda x: dynamic_roll(x, padding[:, None], axis=2))
        self.offset = self.offset - padding
        self.left_padding = self.left_padding + padding

    def filter(self, batch_indices: list[int]) -> None:
        """Keep only the sequences with these indices."""
        self._change(lambda x: x[batch_indices])
        self.offset = self.offset[batch_indices]
        self.left_padding = self.left_padding[batch_indices]
        unused = min(self.left_padding.tolist())
        if unused > 0:
            self._change(lambda x: x[..., unused:, :])
            self._idx -= unused
            self.left_padding = self.left_padding - unused

    def extend(self, other: "BatchQuantizedKVCache") -> None:
        """Add the sequences of another cache."""
        left_paddings, offsets = (self.left_padding, other.left_padding), (self.offset, other.offset)
        filled = next((cache for cache in (self, other) if cache.keys is not None), None)
        if filled is not None:
            end = max(self._idx, other._idx)
            size = max(cache.keys[0].shape[2] for cache in (self, other) if cache.keys is not None)
            self.keys, self.values = (
                _map(
                    lambda *parts: mx.concatenate(parts),
                    tuple(cache._padded(name, filled, end, size) for cache in (self, other)),
                )
                for name in ("keys", "values")
            )
            left_paddings = (self.left_padding + (end - self._idx), other.left_padding + (end - other._idx))
            self._idx = end
            self.group_size = filled.group_size
        self.left_padding = mx.concatenate(left_paddings)
        self.offset = mx.concatenate(offsets)

    def _padded(self, name: str, filled: "BatchQuantizedKVCache", end: int, size: int) -> Quantized:
        """Keys or values moved right so that they stop at `end`, in arrays with room for `size` tokens."""
        rows, left = self.offset.shape[0], end - self._idx
        stored = getattr(self, name)
        if stored is None:
            stored = tuple(mx.zeros((rows, x.shape[1], 0, x.shape[3]), x.dtype) for x in getattr(filled, name))
        right = size - stored[0].shape[2] - left
        if right < 0:
            stored, right = _until(stored, stored[0].shape[2] + right), 0
        return tuple(mx.pad(x, [(0, 0), (0, 0), (left, right), (0, 0)]) for x in stored)

    def extract(self, idx: int) -> SequenceQuantizedKVCache:
        """The cache of one sequence."""
        padding = self.left_padding.tolist()[idx]
        cache = SequenceQuantizedKVCache(self.bits)
        if self.keys is not None:
            cache.keys, cache.values = (
                tuple(mx.contiguous(x[idx : idx + 1, :, padding : self._idx]) for x in stored)
                for stored in (self.keys, self.values)
            )
            cache.group_size = self.group_size
            cache.offset = self._idx - padding
        return cache

    @classmethod
    def merge(cls, caches: list[SequenceQuantizedKVCache]) -> "BatchQuantizedKVCache":
        """One cache for the sequences of all, each left-padded to the longest."""
        longest = max(cache.offset for cache in caches)
        padding = [longest - cache.offset for cache in caches]
        if longest == 0:
            return cls([0] * len(caches), caches[0].bits)
        merged = cls(padding, caches[0].bits)
        filled = next(cache for cache in caches if cache.offset)
        merged.group_size = filled.group_size
        merged.keys, merged.values = (
            tuple(mx.zeros((len(caches), x.shape[1], longest, x.shape[3]), x.dtype) for x in stored)
            for stored in (filled.keys, filled.values)
        )
        for row, cache in enumerate(caches):
            if cache.offset:
                for whole, part in zip((*merged.keys, *merged.values), (*cache.keys, *cache.values), strict=True):
                    whole[row : row + 1, :, padding[row] :] = part[..., : cache.offset, :]
        merged.offset = merged.offset + longest
        merged._idx = longest
        return merged

    @property
    def nbytes(self) -> int:
        """Bytes allocated."""
        return 0 if self.keys is None else sum(array.nbytes for array in (*self.keys, *self.values))

    def _change(self, change: Callable[[mx.array], mx.array]) -> None:
        if self.keys is not None:
            self.keys, self.values = (tuple(change(x) for x in stored) for stored in (self.keys, self.values))


def _map(change: Callable[..., mx.array], stored: tuple[Quantized, ...]) -> Quantized:
    return tuple(change(*parts) for parts in zip(*stored, strict=True))


def _joined(first: mx.array, second: mx.array) -> mx.array:
    return mx.concatenate([first, second], axis=2)


def _until(stored: Quantized, end: int) -> Quantized:
    return tuple(x[..., :end, :] for x in stored)
