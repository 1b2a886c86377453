"""A step that raises: its requests fail, the worker goes on, and gives up only when nothing works."""

import json
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlxfleet_worker.generation.batch import Batch, NewToken
from mlxfleet_worker.generation.engine import Engine
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.model.text_model import TextModel
from mlxfleet_worker.serving.limits import EngineBrokenError
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.wire.frames import GenerateFrame
from mlxfleet_worker.wire.parameters import Sampling
from mlxfleet_worker.wire.prompts import TokensPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from worker_process import Frame


class FailingBatch(Batch):
    """Raises in the steps that a test asks for."""

    failures = 0

    def step(self) -> list[NewToken]:
        """Fail, or step."""
        if self.failures > 0:
            self.failures -= 1
            raise RuntimeError("out of memory, said the device")
        return super().step()


class EngineUnderTest:
    """An engine on a thread of its own, and the frames that it sends."""

    def __init__(self, folder: Path) -> None:
        reader, self._writer = os.pipe()
        self._frames = os.fdopen(reader)
        self._registry = Registry()
        self._engine = Engine(ReplyChannel(self._writer, on_broken=pytest.fail), self._registry)
        self.broken = threading.Event()
        self.batch: FailingBatch
        made = threading.Event()

        def run() -> None:
            model = TextModel.load(str(folder), None)
            self.batch = FailingBatch(model, 4)
            self._engine.use(model, self.batch)
            made.set()
            try:
                self._engine.run()
            except EngineBrokenError:
                self.broken.set()

        threading.Thread(target=run, daemon=True).start()
        assert made.wait(30)

    def submit(self, id: str) -> None:
        """Begin a short request."""
        request = Request(GenerateFrame(id, TokensPrompt([5, 6]), 3, Sampling(temperature=0), []))
        request.prompt, request.max_tokens = [5, 6], 3
        self._registry.add(request)
        self._engine.submit(request)

    def outcome(self, id: str) -> Frame:
        """Read up to the request's last frame."""
        while True:
            frame = json.loads(self._frames.readline())
            if frame["type"] == "failed" and frame["id"] == id:
                return frame
            for output in frame.get("outputs", ()):
                if output["id"] == id and "finish" in output:
                    return frame

    def close(self) -> None:
        """Close the pipe; the thread is left waiting."""
        self._frames.close()
        os.close(self._writer)


@pytest.fixture
def engine(tiny_text: Path) -> Iterator[EngineUnderTest]:
    running = EngineUnderTest(tiny_text)
    yield running
    running.close()


def test_goes_on_after_a_failed_step(engine: EngineUnderTest) -> None:
    for name in ("one", "two"):
        engine.batch.failures = 1
        engine.submit(name)
        failed = engine.outcome(name)
        assert (failed["type"], failed["kind"]) == ("failed", "internal")
        assert "out of memory" in failed["message"]
    engine.submit("good")
    assert engine.outcome("good")["type"] == "step"
    assert not engine.broken.is_set()


def test_gives_up_after_three_failures_in_a_row(engine: EngineUnderTest) -> None:
    engine.batch.failures = 3
    for name in ("one", "two", "three"):
        engine.submit(name)
        assert engine.outcome(name)["kind"] == "internal"
    assert engine.broken.wait(5)
