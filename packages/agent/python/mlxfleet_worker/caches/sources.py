"""Where a prefix that is to be kept comes from: caches of a running sequence, or a file."""

from typing import Any, Protocol

import mlx.core as mx

from .layout import Layout, State, state_from
from .packing import Packed, cut
from .segment import Segment, array_from


class Source(Protocol):
    """What is known of the tokens from `start` on. Positions count from the beginning of the sequence."""

    start: int
    window_start: int
    """The first token of which sliding windows' keys and values are known; the end of the sequence for none."""
    state: State | None

    def tokens(self, start: int, stop: int) -> Packed:
        """What full attention keeps of these tokens."""

    def windows(self, start: int, stop: int) -> Packed:
        """What sliding windows keep of these tokens."""


class CacheSource:
    """The caches of one sequence of `length` tokens, which `layout` accepts."""

    def __init__(self, layout: Layout, caches: list[Any], length: int) -> None:
        self._layout = layout
        self._caches = caches
        self._length = length
        self.start = 0
        self.window_start = layout.window_start(length)
        self.state = layout.copy_state(caches) if layout.has_state else None

    def tokens(self, start: int, stop: int) -> Packed:
        """What full attention keeps of these tokens."""
        return self._layout.pack_tokens(self._caches, start, stop)

    def windows(self, start: int, stop: int) -> Packed:
        """What sliding windows keep of these tokens."""
        return self._layout.pack_windows(self._caches, self._length, start, stop)


class SegmentSource:
    """What a file has. Raises ValueError when it is not of this model."""

    def __init__(self, layout: Layout, segment: Segment) -> None:
        self.start = segment.start
        self.window_start = segment.end if segment.window_start is None else segment.window_start
        self._tokens = _packed(segment, "tokens", len(layout.tokens.groups))
        self._windows: Packed = ()
        self.state: State | None = None
        if not layout.tokens.matches(self._tokens, len(segment.tokens)):
            raise ValueError("keys and values of another shape")
        if segment.window_start is not None:
            self._windows = _packed(segment, "windows", len(layout.windows.groups))
            if not layout.windows.matches(self._windows, segment.end - self.window_start):
                raise ValueError("windows of another shape")
        if segment.state is not None:
            if not layout.has_state:
                raise ValueError("a state where the model has none")
            arrays = [array_from(raw) for name, raw in segment.arrays.items() if name.startswith("state.")]
            try:
                self.state = state_from(segment.state, arrays)
            except (IndexError, KeyError, TypeError) as error:
                raise ValueError("a state of another outline") from error

    def tokens(self, start: int, stop: int) -> Packed:
        """What full attention keeps of these tokens."""
        return cut(self._tokens, start - self.start, stop - self.start)

    def windows(self, start: int, stop: int) -> Packed:
        """What sliding windows keep of these tokens."""
        return cut(self._windows, start - self.window_start, stop - self.window_start)


def _packed(segment: Segment, name: str, groups: int) -> tuple[mx.array, ...]:
    try:
        return tuple(array_from(segment.arrays[f"{name}.{group}"]) for group in range(groups))
    except KeyError as error:
        raise ValueError("arrays are missing") from error
