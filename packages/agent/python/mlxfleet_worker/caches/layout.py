"""How the caches of one model are taken apart into what can be kept, and put together again.

Three sorts of layers, whose values at a position depend on the tokens up to there and on nothing else:
- full attention: keys and values of every token; any beginning of a sequence can be cut out of a longer one;
- sliding windows: keys and values of the last tokens; going on at a position needs a window of tokens before it;
- states (recurrent layers and caches of unknown sorts): known at the positions where they were taken, nowhere else.
"""

import copy
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import mlx.core as mx
from mlx import nn
from mlx_lm.models.cache import CacheList, KVCache, QuantizedKVCache, RotatingKVCache

from .errors import UnsupportedCacheError
from .packing import Packed, Packing
from .position_cache import PositionCache
from .quantized import SequenceQuantizedKVCache

State = list[Any]
"""For each layer that has a state, what its cache's `state` gives: arrays, numbers and None in lists."""

TOKEN_CACHES = (KVCache, QuantizedKVCache, SequenceQuantizedKVCache)


class Layout:
    """Taking apart and putting together the caches of one model. `caches` must hold at least one token."""

    def __init__(self, caches: list[Any]) -> None:
        leaves = list(leaf_caches(caches))
        self.window = _commonest_window(leaves)
        """Tokens that layers with a sliding window look back on; 0 without such layers."""
        self._sorts = [self._sort(leaf) for leaf in leaves]
        self.tokens = Packing(self._token_arrays(leaves))
        self.windows = Packing(self._window_arrays(leaves))
        self.has_state = "state" in self._sorts
        emptied = (_emptied(leaf, sort) for leaf, sort in zip(leaves, self._sorts, strict=True))
        self._templates = [_nested(cache, emptied) for cache in caches]

    @staticmethod
    def probe(model: nn.Module, make_caches: Callable[[], list[Any]]) -> "Layout":
        """The layout of a model's caches, found by running it on three tokens. Nothing is computed.

        Raises UnsupportedCacheError when the model cannot work with these caches.
        """
        caches = make_caches()
        try:
            model(mx.array([[0, 0]]), cache=caches)
            model(mx.array([[0]]), cache=caches)
        except UnsupportedCacheError:
            raise
        except Exception as error:
            bits = next((leaf.bits for leaf in leaf_caches(caches) if hasattr(leaf, "bits")), None)
            if bits is None:
                raise
            raise UnsupportedCacheError(
                f"This model does not work with kv_bits: {error}. Leave kv_bits out."
            ) from error
        return Layout(caches)

    @property
    def bytes_per_token(self) -> int:
        """Bytes of cache by which one more token of context grows a sequence."""
        return self.tokens.bytes_per_token

    @property
    def needs_checkpoints(self) -> bool:
        """Whether sequences can be continued only at positions where their caches were kept."""
        return self.has_state or self.window > 0

    def accepts(self, caches: list[Any], length: int) -> bool:
        """Whether these are caches of this model that hold `length` tokens of one sequence."""
        leaves = list(leaf_caches(caches))
        if [type(leaf) for leaf in leaves] != [type(leaf) for leaf in leaf_caches(self._templates)]:
            return False
        sorts = zip(leaves, self._sorts, strict=True)
        if any(sort in ("tokens", "window") and (leaf.keys is None or leaf.offset != length) for leaf, sort in sorts):
            return False
        arrays, windows = self._token_arrays(leaves), self._window_arrays(leaves)
        return (
            self.tokens.fits(arrays)
            and self.windows.fits(windows)
            and all(array.shape[2] >= min(length, self.window) for array in windows)
        )

    def pack_tokens(self, caches: list[Any], start: int, stop: int) -> Packed:
        """Copies of what full attention keeps of the tokens from `start` to `stop`."""
        return self.tokens.pack(self._token_arrays(list(leaf_caches(caches))), start, stop)

    def window_start(self, length: int) -> int:
        """The first token of which sliding windows have keys and values after `length` tokens.

        Caches may hold more, but in front of its window a batch's cache has padding that it does not tell from tokens.
        """
        return max(0, length - self.window) if self.window else length

    def pack_windows(self, caches: list[Any], length: int, start: int, stop: int) -> Packed:
        """Copies of what sliding windows keep of the tokens from `start`, which is in the window, to `stop`."""
        first = self.window_start(length)
        arrays = self._window_arrays(list(leaf_caches(caches)))
        windows = [array[:, :, array.shape[2] - (length - first) :] for array in arrays]
        return self.windows.pack(windows, start - first, stop - first)

    def copy_state(self, caches: list[Any]) -> State:
        """Copies of the states, which keep nothing else alive once evaluated."""
        leaves = zip(leaf_caches(caches), self._sorts, strict=True)
        return [_changed(leaf.state, mx.contiguous) for leaf, sort in leaves if sort == "state"]

    def build(self, tokens: Packed, windows: Packed, state: State, length: int) -> list[Any]:
        """Caches that hold `length` tokens. They share buffers with what they are made of, and change nothing of it.

        `windows` are the last min(length, window) tokens.
        """
        token_arrays = iter(self.tokens.unpack(tokens))
        window_arrays = iter(self.windows.unpack(windows))
        states = iter(state)
        made = (
            _make(template, sort, token_arrays, window_arrays, states, length)
            for template, sort in zip(leaf_caches(self._templates), self._sorts, strict=True)
        )
        return [_nested(template, made) for template in self._templates]

    def _sort(self, leaf: Any) -> str:
        if type(leaf) is PositionCache:
            return "position"
        if type(leaf) in TOKEN_CACHES:
            return "unused" if leaf.keys is None else "tokens"
        if type(leaf) is RotatingKVCache and leaf.keep == 0 and leaf.max_size == self.window and leaf.keys is not None:
            return "window"
        return "state"

    def _token_arrays(self, leaves: list[Any]) -> list[mx.array]:
        arrays: list[mx.array] = []
        for leaf, sort in zip(leaves, self._sorts, strict=True):
            if sort == "tokens":
                for stored in (leaf.keys, leaf.values):
                    arrays.extend(stored if isinstance(stored, tuple | list) else (stored,))
        return arrays

    def _window_arrays(self, leaves: list[Any]) -> list[mx.array]:
        return [
            leaf._temporal_order(stored)
            for leaf, sort in zip(leaves, self._sorts, strict=True)
            if sort == "window"
            for stored in (leaf.keys, leaf.values)
        ]


def state_arrays(state: State) -> list[mx.array]:
    """The arrays in a state, in order."""
    arrays: list[mx.array] = []

    def collect(array: mx.array) -> mx.array:
        arrays.append(array)
        return array

    _changed(state, collect)
    return arrays


def state_outline(state: State) -> State:
    """The state as JSON: an array is {"array": its index}."""
    indices = iter(range(len(state_arrays(state))))
    return _changed(state, lambda _: {"array": next(indices)})


def state_from(outline: State, arrays: list[mx.array]) -> State:
    """The state again. Raises IndexError or KeyError for an outline of something else."""
    if isinstance(outline, dict):
        return arrays[outline["array"]]
    if isinstance(outline, list):
        return [state_from(each, arrays) for each in outline]
    return outline


def leaf_caches(caches: list[Any]) -> Iterator[Any]:
    """The caches, and in place of lists of caches what is in them."""
    for cache in caches:
        if isinstance(cache, CacheList):
            yield from leaf_caches(cache.caches)
        else:
            yield cache


def _nested(template: Any, made: Iterator[Any]) -> Any:
    if isinstance(template, CacheList):
        return CacheList(*(_nested(each, made) for each in template.caches))
    return next(made)


def _emptied(leaf: Any, sort: str) -> Any:
    """A cache to make others from, without arrays: those of the probe would keep its whole graph alive."""
    if sort == "state":
        return type(leaf).__new__(type(leaf))
    if sort == "position":
        return PositionCache()
    template = copy.copy(leaf)
    template.keys = template.values = None
    template.offset = 0
    return template


def _commonest_window(leaves: list[Any]) -> int:
    windows = Counter(leaf.max_size for leaf in leaves if type(leaf) is RotatingKVCache and leaf.keep == 0)
    return windows.most_common(1)[0][0] if windows else 0


def _make(
    template: Any,
    sort: str,
    token_arrays: Iterator[mx.array],
    window_arrays: Iterator[mx.array],
    states: Iterator[Any],
    length: int,
) -> Any:
    cache = copy.copy(template)
    match sort:
        case "tokens" if isinstance(template, QuantizedKVCache):
            cache.keys = tuple(next(token_arrays) for _ in range(3))
            cache.values = tuple(next(token_arrays) for _ in range(3))
            cache.offset = length
        case "tokens":
            cache.keys, cache.values, cache.offset = next(token_arrays), next(token_arrays), length
        case "window":
            cache.keys, cache.values, cache.offset = next(window_arrays), next(window_arrays), length
            cache._idx = cache.keys.shape[2]
        case "position":
            cache.offset = length
        case "state":
            # A slice is another Python object: assigning to its items leaves the kept array alone.
            cache = type(template).from_state(_changed(next(states), lambda array: array[:]))
    return cache


def _changed(value: Any, change: Callable[[mx.array], Any]) -> Any:
    """The same with every array changed, and tuples as lists."""
    if isinstance(value, mx.array):
        return change(value)
    if isinstance(value, list | tuple):
        return [_changed(each, change) for each in value]
    return value
