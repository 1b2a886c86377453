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


def set_wired_limit(model: nn.Module) -> None:
    """Wire the weights only. Call right after making a BatchGenerator, which wires the recommended maximum."""
    if not mx.metal.is_available():
        return
    info = mx.device_info()
    if int(info["memory_size"]) <= SMALL_MACHINE_BYTES:
        mx.set_wired_limit(0)
        return
    weights = sum(value.nbytes for _, value in tree_flatten(model.parameters()))
    mx.set_wired_limit(min(weights, int(info["max_recommended_working_set_size"])))


def release_buffers() -> None:
    """Give MLX's unused buffers back to the system."""
    mx.synchronize()
    mx.clear_cache()


def memory_counters() -> dict[str, int]:
    """Bytes in use by arrays, in the buffer cache, and the highest use so far. Safe from any thread."""
    return {
        "active_memory_bytes": mx.get_active_memory(),
        "cache_memory_bytes": mx.get_cache_memory(),
        "peak_memory_bytes": mx.get_peak_memory(),
    }
