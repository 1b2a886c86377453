"""What one file holds: the tokens of one block, or of its beginning, and what the caches keep of them."""

from dataclasses import dataclass
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np

from .layout import state_arrays, state_outline
from .nodes import Node, Tokens, digest
from .packing import Packed, join

UNSIGNED = {1: (mx.uint8, np.uint8), 2: (mx.uint16, np.uint16), 4: (mx.uint32, np.uint32), 8: (mx.uint64, np.uint64)}
"""Types of the same number of bytes that both libraries know; NumPy has no bfloat16."""

DTYPES = {
    "BOOL": mx.bool_,
    "U8": mx.uint8,
    "I8": mx.int8,
    "U16": mx.uint16,
    "I16": mx.int16,
    "F16": mx.float16,
    "BF16": mx.bfloat16,
    "U32": mx.uint32,
    "I32": mx.int32,
    "F32": mx.float32,
    "U64": mx.uint64,
    "I64": mx.int64,
    "F64": mx.float64,
    "C64": mx.complex64,
}
"""The names that safetensors gives to types."""

NAMES = {dtype: name for name, dtype in DTYPES.items()}


class RawArray(NamedTuple):
    """An array as it is in a file."""

    dtype: str
    shape: tuple[int, ...]
    data: bytes | memoryview


@dataclass(frozen=True, slots=True)
class Segment:
    """Tokens from the beginning of a block on, at most a block.

    `anchor` is the digest of all tokens before. `window_start` is the first token that has windows, None for none.
    `state` is the outline of the states after the last token as JSON, None for none.
    """

    anchor: bytes
    start: int
    tokens: Tokens
    window_start: int | None
    state: list[Any] | None
    arrays: dict[str, RawArray]

    @property
    def end(self) -> int:
        """Tokens from the beginning of the sequence to the end of the segment."""
        return self.start + len(self.tokens)

    @property
    def key(self) -> bytes:
        """The digest of the whole sequence up to the end: the name of the file."""
        return digest(self.anchor, self.tokens)


def block_tokens(node: Node) -> Tokens:
    """The tokens from the beginning of a node's block to its end."""
    return np.concatenate([each.tokens for each in node.block()])


def window_start(node: Node) -> int | None:
    """From where on the block has windows without a gap up to the node's end."""
    start = None
    for each in reversed(node.block()):
        if each.windows is None:
            break
        start = each.start
    return start


def copy_segment(node: Node) -> Segment:
    """The block up to the node's end, copied to host memory. For the engine thread; waits for the arrays."""
    nodes = node.block()
    arrays = _raw("tokens", join([each.packed for each in nodes]))
    start = window_start(node)
    if start is not None:
        windows = [each.windows for each in nodes if each.start >= start and each.windows is not None]
        arrays |= _raw("windows", join(windows))
    if node.state is not None:
        arrays |= _raw("state", tuple(state_arrays(node.state)))
    return Segment(
        anchor=node.anchor,
        start=node.block_start,
        tokens=block_tokens(node),
        window_start=start,
        state=None if node.state is None else state_outline(node.state),
        arrays=arrays,
    )


def array_from(raw: RawArray) -> mx.array:
    """The array again. Raises ValueError for an unknown type or a size that does not fit."""
    dtype = DTYPES.get(raw.dtype)
    if dtype is None:
        raise ValueError(f"unknown type {raw.dtype[:20]!r}")
    values = np.frombuffer(raw.data, UNSIGNED[dtype.size][1]).reshape(raw.shape)
    return mx.array(values).view(dtype)


def _raw(name: str, arrays: Packed) -> dict[str, RawArray]:
    mx.eval(arrays)
    return {f"{name}.{index}": _raw_array(array) for index, array in enumerate(arrays)}


def _raw_array(array: mx.array) -> RawArray:
    view = array.view(UNSIGNED[array.dtype.size][0])
    return RawArray(NAMES[array.dtype], array.shape, np.array(view, copy=False).tobytes())
