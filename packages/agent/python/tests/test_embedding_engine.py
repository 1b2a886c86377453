"""What the engine of an embedding worker does around its passes: failures, cancels, turns."""

import base64
import json
import os
import threading
from collections.abc import Iterator, Sequence

import numpy as np
import pytest

from mlxfleet_worker.embedding.engine import EmbeddingEngine
from mlxfleet_worker.embedding.request import EmbeddingRequest
from mlxfleet_worker.serving.limits import EngineBrokenError
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.wire.frames import EmbedFrame, ShrinkFrame
from mlxfleet_worker.wire.replies import ReplyChannel
from worker_process import Frame

POISON = 666
TOO_LARGE = 777
NOT_A_NUMBER = 888


class CountingModel:
    """In place of a network: the vector of a row says its first token and its length. Keeps what each pass had."""

    dimensions = 2

    def __init__(self) -> None:
        self.passes: list[list[list[int]]] = []
        self.open = threading.Event()
        self.open.set()
        self.entered = threading.Event()

    def embed(self, rows: Sequence[list[int]]) -> np.ndarray:
        """Fail for poisoned rows, whatever is beside them."""
        self.entered.set()
        assert self.open.wait(10)
        self.passes.append(list(rows))
        tokens = {token for row in rows for token in row}
        if POISON in tokens:
            raise RuntimeError("poisoned")
        if TOO_LARGE in tokens:
            raise RuntimeError("[metal::malloc] Attempting to allocate 99 bytes")
        return np.array([[np.nan if NOT_A_NUMBER in row else row[0], len(row)] for row in rows], np.float32)


class EngineUnderTest:
    """An engine on a thread of its own, and the frames that it sends."""

    def __init__(self) -> None:
        reader, self._writer = os.pipe()
        self._frames = os.fdopen(reader)
        self._registry = Registry()
        self.engine = EmbeddingEngine(ReplyChannel(self._writer, on_broken=pytest.fail), self._registry)
        self.model = CountingModel()
        self.broken = threading.Event()
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        self.engine.use(self.model)
        try:
            self.engine.run()
        except EngineBrokenError:
            self.broken.set()

    def submit(self, id: str, *rows: list[int], dimensions: int | None = None) -> EmbeddingRequest:
        """Begin a request."""
        request = EmbeddingRequest(EmbedFrame(id, list(rows), dimensions))
        request.rows = list(rows)
        assert self._registry.add(request)
        self.engine.submit(request)
        return request

    def cancel(self, request: EmbeddingRequest) -> None:
        """As the reader thread does."""
        request.cancelled = True
        self._registry.remove(request)
        self.engine.submit(request)

    def read(self) -> Frame:
        """The next frame."""
        return json.loads(self._frames.readline())

    def close(self) -> None:
        """Close the pipe; the thread is left waiting."""
        self._frames.close()
        os.close(self._writer)


@pytest.fixture
def under_test() -> Iterator[EngineUnderTest]:
    running = EngineUnderTest()
    yield running
    running.close()


def vectors(frame: Frame) -> list[list[float]]:
    return [np.frombuffer(base64.b64decode(text), "<f4").tolist() for text in frame["embeddings"]]


def test_results_are_in_the_order_of_the_inputs(under_test: EngineUnderTest) -> None:
    under_test.submit("a", [4] * 3, [1] * 500, [3] * 4, [0] * 2)
    frame = under_test.read()
    assert (frame["type"], frame["id"], frame["prompt_tokens"]) == ("embedded", "a", 509)
    expected = [[0.8, 0.6], [1 / 500.001, 1], [0.6, 0.8], [0, 1]]
    assert np.allclose(vectors(frame), expected, atol=1e-4)
    assert len(under_test.model.passes) == 2


def test_leading_components_are_asked_for(under_test: EngineUnderTest) -> None:
    under_test.submit("a", [4] * 3, dimensions=1)
    assert vectors(under_test.read()) == [[1.0]]


def test_requests_that_wait_share_a_pass(under_test: EngineUnderTest) -> None:
    under_test.model.open.clear()
    under_test.submit("first", [1])
    assert under_test.model.entered.wait(5)
    for index in range(5):
        under_test.submit(f"later-{index}", [2] * 10)
    under_test.model.open.set()
    assert {under_test.read()["id"] for _ in range(6)} == {"first", *(f"later-{index}" for index in range(5))}
    assert [len(rows) for rows in under_test.model.passes] == [1, 5]


@pytest.mark.parametrize(
    ("token", "kind", "message"),
    [
        (POISON, "internal", "No vector of input[1] could be computed: poisoned"),
        (TOO_LARGE, "memory", "No vector of input[1] could be computed: [metal::malloc]"),
        (NOT_A_NUMBER, "internal", "Of input[1], the model gave no usable vector"),
    ],
)
def test_a_bad_input_fails_its_own_request_alone(
    under_test: EngineUnderTest, token: int, kind: str, message: str
) -> None:
    under_test.model.open.clear()
    under_test.submit("first", [1])
    assert under_test.model.entered.wait(5)
    for index in range(8):
        under_test.submit(f"good-{index}", [2, 2])
    under_test.submit("bad", [2, 2], [2, token], [2, 2])
    under_test.model.open.set()
    frames = {frame["id"]: frame for frame in (under_test.read() for _ in range(10))}
    assert {id for id, frame in frames.items() if frame["type"] == "embedded"} == frames.keys() - {"bad"}
    bad = frames["bad"]
    assert (bad["kind"], bad["param"]) == (kind, "input.1")
    assert bad["message"].startswith(message)
    under_test.submit("next", [5])
    assert under_test.read()["id"] == "next"
    assert under_test.engine.running == 0


def test_gives_up_when_nothing_works(under_test: EngineUnderTest) -> None:
    for index in range(3):
        under_test.submit(f"bad-{index}", [POISON])
        assert under_test.read()["kind"] == "internal"
    assert under_test.broken.wait(5)


def test_inputs_too_large_for_the_memory_are_no_reason_to_give_up(under_test: EngineUnderTest) -> None:
    for index in range(5):
        under_test.submit(f"large-{index}", [TOO_LARGE])
        assert under_test.read()["kind"] == "memory"
    under_test.submit("good", [1])
    assert under_test.read()["type"] == "embedded"


def test_a_cancelled_request_ends_after_the_pass(under_test: EngineUnderTest) -> None:
    under_test.model.open.clear()
    request = under_test.submit("cancelled", *([index] * 300 for index in range(1, 50)))
    assert under_test.model.entered.wait(5)
    under_test.cancel(request)
    under_test.submit("next", [1, 2])
    under_test.model.open.set()
    assert under_test.read()["id"] == "next"
    assert len(under_test.model.passes) == 2
    assert (under_test.engine.running, under_test.engine.steps) == (0, 2)


def test_a_large_request_does_not_keep_a_small_one_waiting(under_test: EngineUnderTest) -> None:
    under_test.model.open.clear()
    under_test.submit("large", *([1] * 300 for _ in range(100)))
    assert under_test.model.entered.wait(5)
    under_test.submit("small", [2])
    under_test.model.open.set()
    assert under_test.read()["id"] == "small"
    assert under_test.read()["id"] == "large"


def test_memory_may_be_asked_for_at_any_time(under_test: EngineUnderTest) -> None:
    under_test.engine.submit(ShrinkFrame(0))
    under_test.submit("good", [1])
    assert under_test.read()["type"] == "embedded"
