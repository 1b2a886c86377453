"""The requests of a worker, of either kind, by id."""

import threading
from typing import Protocol


class Tracked(Protocol):
    """A request of either kind."""

    cancelled: bool

    @property
    def id(self) -> str:
        """The agent's name for it."""

    @property
    def param(self) -> str:
        """The field that its text came in, as messages name it."""


class Registry:
    """The requests that are not over, by id."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._requests: dict[str, Tracked] = {}

    def __len__(self) -> int:
        return len(self._requests)

    def add(self, request: Tracked) -> bool:
        """Take a new request; false when its id is in use."""
        with self._lock:
            return self._requests.setdefault(request.id, request) is request

    def get(self, id: str) -> Tracked | None:
        """The request of this id, if it is not over."""
        return self._requests.get(id)

    def remove(self, request: Tracked) -> bool:
        """Forget a request that is over; false when it was over already."""
        with self._lock:
            if self._requests.get(request.id) is not request:
                return False
            del self._requests[request.id]
            return True
