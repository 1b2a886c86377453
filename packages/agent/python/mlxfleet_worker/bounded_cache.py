"""What is kept for further use within a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import Generic, TypeVar

Value = TypeVar("Value")


class BoundedCache(Generic[Value]):
    """Values by key; those that were not used for longest go first. Any thread may call it."""

    def __init__(self, limit: int, size_of: Callable[[Value], int]) -> None:
        """Keep values of so many bytes together, by this measure, which must always say the same of one."""
        self._limit = limit
        self._size_of = size_of
        self._kept: OrderedDict[str, Value] = OrderedDict()
        self._size = 0
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Bytes kept."""
        return self._size

    def get(self, key: str) -> Value | None:
        """The value of this key, which is used now; None where it is not kept."""
        with self._lock:
            value = self._kept.get(key)
            if value is not None:
                self._kept.move_to_end(key)
            return value

    def put(self, key: str, value: Value) -> None:
        """Keep a value, in place of one of the same key, unless it is larger than the whole room."""
        if self._size_of(value) > self._limit:
            return
        with self._lock:
            self._remove(key)
            self._kept[key] = value
            self._size += self._size_of(value)
            self._shrink(self._limit)

    def take(self, key: str) -> Value | None:
        """The value of this key, which is not kept any longer; None where it was not."""
        with self._lock:
            return self._remove(key)

    def shrink(self, size: int) -> None:
        """Keep at most so many bytes for now."""
        with self._lock:
            self._shrink(size)

    def _shrink(self, size: int) -> None:
        while self._size > size:
            self._remove(next(iter(self._kept)))

    def _remove(self, key: str) -> Value | None:
        value = self._kept.pop(key, None)
        if value is not None:
            self._size -= self._size_of(value)
        return value
