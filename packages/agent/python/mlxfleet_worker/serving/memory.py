"""MLX's memory: limits and counters."""

import mlx.core as mx
from mlx import nn
from mlx.utils import tree_flatten

GIB = 1 << 30
LARGEST_BUFFER_CACHE = 2 * GIB
SMALL_MACHINE_BYTES = 16 * GIB
"""Machines up to this size keep no memory wired: wiring froze them (mlx#3186)."""


def set_memory_limits(limit_bytes: int | None) -> None:
    """Bound what MLX holds. The buffer cache gets at most an eighth of the limit."""
    if limit_bytes is not None:
        mx.set_memory_limit(limit_bytes)
    mx.set_cache_limit(LARGEST_BUFFER_CACHE if limit_bytes is None else min(LARGEST_BUFFER_CACHE, limit_bytes // 8))


def set_wired_limit(model: nn.Module, limit_bytes: int | None) -> None:
    """Wire `limit_bytes`; None wires the weights only, and nothing on a small machine.

    Call right after making a BatchGenerator, which wires the recommended maximum.
    """
    if not mx.metal.is_available():
        return
    info = mx.device_info()
    if limit_bytes is None:
        small = int(info["memory_size"]) <= SMALL_MACHINE_BYTES
        limit_bytes = 0 if small else sum(value.nbytes for _, value in tree_flatten(model.parameters()))
    mx.set_wired_limit(min(limit_bytes, int(info["max_recommended_working_set_size"])))


def release_buffers() -> None:
    """Give MLX's unused buffers back to the system."""
    mx.synchronize()
    mx.clear_cache()


def active_bytes() -> int:
    """Bytes in use by arrays."""
    return mx.get_active_memory()


def memory_counters() -> dict[str, int]:
    """Bytes in use by arrays, in the buffer cache, and the highest use so far. Safe from any thread."""
    return {
        "active_memory_bytes": mx.get_active_memory(),
        "cache_memory_bytes": mx.get_cache_memory(),
        "peak_memory_bytes": mx.get_peak_memory(),
    }
