"""Reply frames on the worker's file descriptor 3."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from .errors import RequestError

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False).encode


class ReplyChannel:
    """Writes whole frames; any thread may send.

    A reader that is gone means that the agent is gone: `on_broken` is called, and must not return.
    """

    def __init__(self, descriptor: int, on_broken: Callable[[], Any]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._lock = threading.Lock()

    def send(self, frame: dict[str, Any]) -> None:
        """Write one frame. Blocks while the agent does not read."""
        data = memoryview((_encode(frame) + "\n").encode("ascii"))
        try:
            with self._lock:
                while data:
                    data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._on_broken()

    def send_failed(self, id: str, error: RequestError) -> None:
        """End one request with an error."""
        self.send({"type": "failed", "id": id, "kind": error.kind, "message": error.message, "param": error.param})
