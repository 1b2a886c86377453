"""A cancel ends a request within a step, in every phase of its life, and frees its memory."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from worker_process import Frame, WorkerProcess, generate_frame

LONG = 8000
"""Prompt tokens that take the tiny model several steps."""


@pytest.fixture(scope="module")
def worker(tiny_text: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess.loaded(tiny_text, max_batch_size=2) as process:
        yield process


def names(id: str) -> Callable[[Frame], bool]:
    return lambda frame: frame.get("id") == id or any(output["id"] == id for output in frame.get("outputs", ()))


def assert_silent(worker: WorkerProcess) -> None:
    """No frame of a cancelled request comes any more, while another one runs from beginning to end."""
    worker.complete("zebra", max_tokens=20)
    assert worker.ping()["running"] == 0


def cancel(worker: WorkerProcess, id: str) -> None:
    """Cancel and drop what was on its way already."""
    worker.send({"type": "cancel", "id": id})
    worker.ping()


def test_in_every_phase(worker: WorkerProcess) -> None:
    endless = {"temperature": 0, "logit_bias": {"2": -100}}
    worker.send(generate_frame("decoding", "zebra", max_tokens=None, sampling=endless))
    worker.read_until(lambda frame: frame["type"] == "step")
    worker.send(generate_frame("prefilling", [5] * LONG))
    worker.read_until(names("prefilling"))
    worker.send(generate_frame("waiting", "zebra"), generate_frame("also waiting", "zebra"))

    counters = worker.ping()
    assert (counters["running"], counters["waiting"]) == (2, 2)

    cancel(worker, "waiting")
    counters = worker.ping()
    assert (counters["running"], counters["waiting"]) == (2, 1)

    cancel(worker, "decoding")
    worker.read_until(names("also waiting"))
    cancel(worker, "prefilling")
    cancel(worker, "also waiting")
    assert_silent(worker)


def test_cancelled_at_once(worker: WorkerProcess) -> None:
    for index in range(50):
        worker.send(generate_frame(f"short-{index}", "zebra"), {"type": "cancel", "id": f"short-{index}"})
    worker.ping()
    assert_silent(worker)


def test_an_id_may_be_used_again_after_a_cancel(worker: WorkerProcess) -> None:
    worker.send(generate_frame("again", [5] * LONG))
    worker.read_until(names("again"))
    cancel(worker, "again")
    worker.send(generate_frame("again", "zebra", max_tokens=4))
    assert worker.collect(["again"])["again"].finish is not None


def test_memory_comes_back(worker: WorkerProcess) -> None:
    worker.complete("zebra")
    before = worker.ping()["active_memory_bytes"]
    worker.send(generate_frame("large", [5] * LONG))
    worker.read_until(names("large"))
    cancel(worker, "large")
    worker.complete("zebra")
    assert worker.ping()["active_memory_bytes"] < before + 500_000
