"""What the preparing thread tells of requests that it cannot prepare."""

import json
from typing import Any

import pytest
from reply_reader import replies_to

from mlxfleet_worker.engine import Engine
from mlxfleet_worker.frames import GenerateFrame, parse_frame
from mlxfleet_worker.preparation import Preparation
from mlxfleet_worker.prompts import Prompt
from mlxfleet_worker.replies import ReplyChannel
from mlxfleet_worker.request import Registry, Request
from worker_process import generate_frame


class FailingModel:
    """A model with a fault of its own, which ends the loop when it is asked again."""

    def __init__(self) -> None:
        self.asked = 0

    def encode(self, prompt: Prompt, tool_choice: Any) -> list[int]:
        """Fail."""
        self.asked += 1
        if self.asked > 1:
            raise SystemExit
        raise KeyError("/home/somebody/tokenizer.json", prompt, tool_choice)


def test_a_fault_of_the_worker_is_not_told_as_the_clients() -> None:
    def send(replies: ReplyChannel) -> None:
        registry = Registry()
        preparation = Preparation(Engine.__new__(Engine), replies, registry)
        for id in ("first", "last"):
            frame = parse_frame(json.dumps(generate_frame(id, "zebra")).encode())
            assert isinstance(frame, GenerateFrame)
            request = Request(frame)
            registry.add(request)
            preparation.submit(request)
        with pytest.raises(SystemExit):
            preparation.run(FailingModel())  # type: ignore[arg-type]

    (failed,) = replies_to(send)
    assert (failed["id"], failed["kind"], failed["param"]) == ("first", "internal", "messages")
    assert failed["message"] == "The prompt could not be prepared (KeyError)."
