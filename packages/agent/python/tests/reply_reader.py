"""Replies that a part of the worker sends, read from the real channel."""

import json
import os
import threading
from collections.abc import Callable
from typing import Any

from mlxfleet_worker.wire.replies import ReplyChannel


def replies_to(send: Callable[[ReplyChannel], Any]) -> list[dict[str, Any]]:
    """What `send` writes to the channel it is given, as the agent would read it."""
    reading, writing = os.pipe()
    received = bytearray()

    def read() -> None:
        while data := os.read(reading, 1 << 20):
            received.extend(data)

    reader = threading.Thread(target=read)
    reader.start()
    try:
        send(ReplyChannel(writing, lambda: None))
    finally:
        os.close(writing)
        reader.join()
        os.close(reading)
    return [json.loads(line) for line in received.splitlines()]
