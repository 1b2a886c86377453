"""The caches that a model of mlx-vlm asks for, as mlx-lm's, which the engine knows how to batch and to keep."""

from typing import Any, Self

from mlx import nn
from mlx_lm.models import cache as caches
from mlx_vlm.models import cache as given

from ..caches.position_cache import PositionCache
from ..wire.errors import ModelSettingsError


class StateCache(given.ArraysCache):
    """mlx-vlm's cache of recurrent layers, whose layers ask it for more than mlx-lm's can do."""

    @classmethod
    def from_state(cls, state: Any, meta_state: Any = "") -> Self:
        """The cache with this state, as mlx-lm's caches are made anew."""
        return super().from_state(list(state), meta_state)

    def extract(self, index: int) -> Self:
        """The cache of one sequence; a slot that no layer has filled stays empty."""
        extracted = type(self)(len(self.cache))
        extracted.cache = [None if slot is None else slot[index : index + 1] for slot in self.cache]
        return extracted


def make_caches(language_model: nn.Module) -> list[Any]:
    """Empty caches of one sequence, one a layer, and its position. Raises ModelSettingsError for unknown sorts."""
    return [*(_translated(cache) for cache in given.make_prompt_cache(language_model)), PositionCache()]


def _translated(cache: Any) -> Any:
    match type(cache):
        case given.KVCache:
            return caches.KVCache()
        case given.RotatingKVCache:
            return caches.RotatingKVCache(max_size=cache.max_size, keep=cache.keep)
        case given.ArraysCache:
            return StateCache(len(cache.cache))
        case given.CacheList:
            return caches.CacheList(*(_translated(each) for each in cache.caches))
    raise ModelSettingsError(
        f"This model keeps its context in a way that cannot be batched yet ({type(cache).__name__})."
    )
