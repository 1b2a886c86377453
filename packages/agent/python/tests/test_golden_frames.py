"""The frames in test/frames against what this worker reads and writes; the agent has a test with the same frames."""

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from mlxfleet_worker.embedding.request import EmbeddingRequest
from mlxfleet_worker.wire.frames import EmbedFrame
from mlxfleet_worker.wire.parse_frame import FrameError, parse_frame
from worker_process import Frame, WorkerProcess, generate_frame

FRAMES = Path(__file__).parents[4] / "test" / "frames"
REQUESTS: list[Frame] = json.loads((FRAMES / "requests.json").read_text())
DEFAULTS: list[dict[str, Frame]] = json.loads((FRAMES / "defaults.json").read_text())
REPLIES: list[Frame] = json.loads((FRAMES / "replies.json").read_text())

Place = tuple[str | int, ...]


def places(value: Any, at: Place = ()) -> Iterator[Place]:
    """Where a frame has fields, at any depth."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in entries:
        if isinstance(value, dict):
            yield (*at, key)
        yield from places(each, (*at, key))


def without(frame: Frame, place: Place) -> Frame:
    frame = copy.deepcopy(frame)
    holder: Any = frame
    for key in place[:-1]:
        holder = holder[key]
    del holder[place[-1]]
    return frame


def parse(frame: Frame) -> object:
    return parse_frame(json.dumps(frame).encode())


@pytest.mark.parametrize("frame", REQUESTS, ids=lambda frame: frame.get("id", frame["type"]))
def test_requests_are_read(frame: Frame) -> None:
    assert parse(frame) == parse(copy.deepcopy(frame))


@pytest.mark.parametrize("pair", DEFAULTS, ids=lambda pair: pair["short"]["type"])
def test_defaults_are_the_agents(pair: dict[str, Frame]) -> None:
    assert parse(pair["short"]) == parse(pair["full"])


FULL = {frame["type"]: frame for frame in reversed(REQUESTS)}
"""The first of each type is the one whose values are no defaults."""


@pytest.mark.parametrize(
    ("type", "place"), [(type, place) for type, frame in FULL.items() for place in places(frame)], ids=str
)
def test_each_field_of_a_request_arrives(type: str, place: Place) -> None:
    frame = FULL[type]
    try:
        other = parse(without(frame, place))
    except FrameError:
        return
    assert other != parse(frame)


def golden(type: str, number: int = 0) -> Frame:
    return [frame for frame in REPLIES if frame["type"] == type][number]


def test_replies_have_the_fields_that_the_agent_knows(tiny_text: Path, tmp_path: Path) -> None:
    with contextlib.ExitStack() as stack:
        worker = WorkerProcess()
        stack.callback(worker.kill)
        assert worker.read().keys() == golden("ready").keys()
        worker.send_load(tiny_text, prefix_cache={"memory_bytes": 1 << 20, "disk_path": None, "disk_bytes": 0})
        assert worker.read(60).keys() == golden("loaded").keys() - {"embedding_dimensions"}
        worker.send({**generate_frame("a", "zebra", max_tokens=4), "logprobs": 2})
        started, *steps = worker.read_until(lambda frame: frame["type"] == "step" and "finish" in frame["outputs"][-1])
        assert started.keys() == golden("started").keys()
        full = golden("step")["outputs"][0]
        outputs = [output for step in steps for output in step["outputs"]]
        for output in outputs:
            assert {"id", "text", "tokens"} <= output.keys() <= full.keys()
        described = next(output["logprobs"][0] for output in outputs if output.get("logprobs"))
        assert described.keys() == full["logprobs"][0].keys()
        assert described["top_logprobs"][0].keys() == full["logprobs"][0]["top_logprobs"][0].keys()
        finish = outputs[-1]["finish"]
        assert finish.keys() == full["finish"].keys()
        assert finish["timings"].keys() == full["finish"]["timings"].keys()
        assert worker.ping().keys() == golden("pong").keys()
        worker.send({"type": "tokenize", "id": "t", "prompt": {"kind": "text", "text": "a"}})
        assert worker.read().keys() == golden("tokenized").keys()
        worker.send({"type": "detokenize", "id": "d", "tokens": [20]})
        assert worker.read().keys() == golden("detokenized").keys()
        worker.send({"type": "detokenize", "id": "f", "tokens": [-1]})
        assert worker.read().keys() == golden("failed").keys()
    with WorkerProcess.started() as worker:
        worker.send_load(tmp_path)
        assert worker.read(60).keys() == golden("load_failed").keys()
    request = EmbeddingRequest(EmbedFrame("e", ["a"], None))
    assert request.reply().keys() == golden("embedded").keys()
