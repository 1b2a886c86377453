"""An image takes as long as dozens of decoding steps: what happens to others, and to its own request, meanwhile."""

import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from media_support import chat, media_settings, put_image
from worker_process import Frame, WorkerProcess, generate_frame


@pytest.fixture(scope="module")
def spool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spool")


@pytest.fixture(scope="module")
def seeing(plain_vision: Path, spool: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess.loaded(plain_vision, task="vision", media=media_settings(spool)) as worker:
        yield worker


def image_frame(spool: Path, seed: int, id: str) -> Frame:
    """A question about an image that is new."""
    conversation = chat(("user", [put_image(spool, seed, 768, 768), "What is this?"]))
    return generate_frame(id, conversation.prompt(), max_tokens=4)


def has_started(id: str) -> Callable[[Frame], bool]:
    return lambda frame: frame["type"] == "started" and frame["id"] == id


def test_streams_go_on_while_an_image_is_encoded(seeing: WorkerProcess, spool: Path) -> None:
    # The process that decodes is up then, and its start is not the tower's.
    seeing.send(image_frame(spool, 1, "first"))
    seeing.collect(["first"])
    begun = time.perf_counter()
    seeing.send(image_frame(spool, 2, "alone"))
    seeing.read_until(has_started("alone"))
    alone = time.perf_counter() - begun
    seeing.read_until(lambda frame: frame["type"] == "step" and _finishes(frame, "alone"))
    seeing.send(generate_frame("text", "zebra", max_tokens=4000))
    seeing.read_until(has_started("text"))
    seeing.send(image_frame(spool, 3, "image"))
    at = [time.perf_counter()]
    while True:
        frame = seeing.read()
        if has_started("image")(frame):
            break
        at.append(time.perf_counter())
    gaps = [later - earlier for earlier, later in pairwise(at)]
    assert len(gaps) > 10
    assert max(gaps) < alone / 3
    seeing.send({"type": "cancel", "id": "text"})
    seeing.read_until(lambda frame: frame["type"] == "step" and _finishes(frame, "image"))


def test_a_request_is_cancelled_while_its_image_is_encoded(seeing: WorkerProcess, spool: Path) -> None:
    seeing.send({"type": "shrink", "kept_bytes": 0})
    seeing.send(image_frame(spool, 4, "gone"))
    deadline = time.monotonic() + 10
    begun = seeing.ping()["steps"]
    # A step of an idle engine is a slice of the image.
    while seeing.ping()["steps"] == begun:
        assert time.monotonic() < deadline
    seeing.send({"type": "cancel", "id": "gone"})
    time.sleep(0.1)
    after = seeing.ping()
    time.sleep(0.5)
    pong = seeing.ping()
    assert pong["steps"] == after["steps"]
    assert pong["feature_cache_bytes"] == 0
    assert (pong["running"], pong["waiting"]) == (0, 0)
    seeing.send(image_frame(spool, 5, "next"))
    assert seeing.collect(["next"])["next"].failed is None


def test_the_same_image_of_many_requests_is_encoded_once(seeing: WorkerProcess, spool: Path) -> None:
    def seconds(*frames: Frame) -> float:
        begun = time.perf_counter()
        seeing.send(*frames)
        completions = seeing.collect(frame["id"] for frame in frames)
        assert all(completion.failed is None for completion in completions.values())
        return time.perf_counter() - begun

    one = seconds(image_frame(spool, 6, "one"))
    six = seconds(*(image_frame(spool, 7, f"same-{number}") for number in range(6)))
    assert six < 3 * one


def _finishes(frame: Frame, id: str) -> bool:
    return any(output["id"] == id and "finish" in output for output in frame["outputs"])
