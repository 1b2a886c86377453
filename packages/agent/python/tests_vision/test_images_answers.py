"""A file may take the process that decodes over: what it answers then is no fault of the worker."""

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from images_support import SETTINGS
from mlxfleet_worker.images.limits import Limits
from mlxfleet_worker.images.refusal import RefusalError
from mlxfleet_worker.images.side_process import Answer, EndedError, SideProcess

PROGRAM = """
import sys
sys.stdin.readline()
print('{"ready": true}', flush=True)
for _ in sys.stdin:
    print('{"begun": true}', flush=True)
    print(sys.argv[1], end="", flush=True)
"""


@contextmanager
def answering(text: str) -> Iterator[SideProcess]:
    """A process that answers so, whatever it is asked."""
    process = SideProcess(SETTINGS, Limits(), (sys.executable, "-S", "-c", PROGRAM, text))
    try:
        yield process
    finally:
        process._close_idle()


def ask(process: SideProcess, task: str) -> Answer:
    return process.ask({"task": task}, time.monotonic() + 10)


RGB = "x" * 36


@pytest.mark.parametrize("task", ["image", "page", "count"])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        None,
        {"begun": True},
        {"count": "3"},
        {"count": True},
        {"count": -1},
        {"count": 1 << 40},
        {"width": 4},
        {"width": 4.0, "height": 3},
        {"width": 0, "height": 3},
        {"width": 4, "height": 100_000},
        {"error": ["media"]},
    ],
)
def test_what_is_no_answer_ends_the_process(task: str, answer: Any) -> None:
    with answering(json.dumps(answer) + "\n" + RGB) as process, pytest.raises(EndedError):
        ask(process, task)


@pytest.mark.parametrize("text", ["", "no JSON\n", "[" * 3000 + "\n"])
def test_what_is_no_line_of_json_ends_the_process(text: str) -> None:
    with answering(text + "\n" * (not text)) as process, pytest.raises(EndedError):
        ask(process, "count")


def test_an_answer_to_another_task_ends_the_process() -> None:
    with answering('{"count": 3}\n') as process:
        assert ask(process, "count").fields == {"count": 3}
        with pytest.raises(EndedError):
            ask(process, "image")
    with answering('{"width": 4, "height": 3}\n' + RGB) as process:
        assert ask(process, "page").rgb == RGB.encode()
        with pytest.raises(EndedError):
            ask(process, "count")


def test_a_refusal_is_one_whatever_was_asked() -> None:
    for task in ("image", "count"):
        with answering('{"error": "media", "message": "No."}\n') as process, pytest.raises(RefusalError, match="No"):
            ask(process, task)
