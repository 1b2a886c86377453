"""What tests of preparing threads have in common."""

import json
import threading
from typing import Any

from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.wire.frames import GenerateFrame
from mlxfleet_worker.wire.parse_frame import parse_frame
from worker_process import generate_frame


class ListeningEngine:
    """Notes who arrives, and lets a test wait for it."""

    def __init__(self) -> None:
        self._requests: list[Request] = []
        self._arrival = threading.Condition()

    def submit(self, request: Request) -> None:
        with self._arrival:
            self._requests.append(request)
            self._arrival.notify_all()

    def first(self, count: int) -> list[Request]:
        with self._arrival:
            assert self._arrival.wait_for(lambda: len(self._requests) >= count, 20)
            return self._requests[:count]


def make_frame(id: str, **fields: Any) -> GenerateFrame:
    frame = parse_frame(json.dumps({**generate_frame(id, "zebra"), **fields}).encode())
    assert isinstance(frame, GenerateFrame)
    return frame
