"""Reply frames on the worker's file descriptor 3."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from .errors import RequestError

LONGEST_FRAME = 16 * 1024 * 1024
"""Bytes of a line that the agent reads: LONGEST_LINE in its frame-lines.ts. It takes a worker that sends more for
broken, and ends it with everything that runs there."""

_encode = json.JSONEncoder(separators=(",", ":"), check_circular=False, allow_nan=False).encode
"""Raises ValueError for NaN and the infinities: JSON has none, and the agent would end the worker for them."""


class ReplyChannel:
    """Writes whole frames; any thread may send.

    A reader that is gone means that the agent is gone: `on_broken` is called, and must not return.
    """

    def __init__(self, descriptor: int, on_broken: Callable[[], Any]) -> None:
        self._descriptor = descriptor
        self._on_broken = on_broken
        self._lock = threading.Lock()

    def send(self, frame: dict[str, Any]) -> None:
        """Write one frame. Blocks while the agent does not read.

        One that is too long, or holds a number that JSON does not have, ends its own request only. Raises ValueError
        for such a number in a frame that is of no request.
        """
        try:
            line = _encode(frame)
        except ValueError:
            if "id" not in frame and "outputs" not in frame:
                raise
            self._refuse(frame, "The answer holds a number that JSON does not have.")
            return
        if len(line) > LONGEST_FRAME:
            self._refuse(frame, "The answer is too long to be passed on.")
        else:
            self._write((line + "\n").encode("ascii"))

    def send_failed(self, id: str, error: RequestError) -> None:
        """End one request with an error."""
        frame = {"type": "failed", "id": id, "kind": error.kind, "message": error.message, "param": error.param}
        self.send(frame if error.quote is None else {**frame, "quote": error.quote})

    def _refuse(self, frame: dict[str, Any], why: str) -> None:
        outputs = frame.get("outputs", [])
        if len(outputs) > 1:
            for output in outputs:
                self.send({**frame, "outputs": [output]})
            return
        (owner,) = outputs or [frame]
        self.send_failed(owner["id"], RequestError(why, None, "internal"))

    def _write(self, line: bytes) -> None:
        data = memoryview(line)
        try:
            with self._lock:
                while data:
                    data = data[os.write(self._descriptor, data) :]
        except OSError:
            self._on_broken()
