"""Prompts with images that wait for the engine, by the memory that they take."""

import threading
import weakref
from typing import Any


class WaitingRoom:
    """Counts bytes of objects until they leave or are gone. Any thread may call it."""

    def __init__(self, limit_bytes: int) -> None:
        self._limit = limit_bytes
        self._size = 0
        # Objects go whenever Python sees that nobody has them any more, also in a thread that is in here: the lock of a
        # condition may be taken again, and a notice inside of another one is no harm.
        self._changed = threading.Condition()
        self._leaving: weakref.WeakKeyDictionary[Any, weakref.finalize] = weakref.WeakKeyDictionary()

    @property
    def has_room(self) -> bool:
        """Whether one more may enter, of any size."""
        return self._size < self._limit

    def wait(self) -> None:
        """Return when it has room."""
        with self._changed:
            self._changed.wait_for(lambda: self.has_room)

    def enter(self, one: Any, size: int) -> None:
        """Count an object of so many bytes."""
        with self._changed:
            self._size += size
            self._leaving[one] = weakref.finalize(one, self._give_back, size)

    def leave(self, one: Any) -> None:
        """Count it no longer."""
        with self._changed:
            finalizer = self._leaving.pop(one, None)
        if finalizer is not None:
            finalizer()

    def _give_back(self, size: int) -> None:
        with self._changed:
            self._size -= size
            self._changed.notify_all()
