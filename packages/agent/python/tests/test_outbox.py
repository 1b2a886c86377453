"""Outputs go out at once when steps are slow, and together when they are quick."""

from typing import Any

import pytest

from mlxfleet_worker.generation.outbox import HOLD_SECONDS, Outbox
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.wire.frames import GenerateFrame
from mlxfleet_worker.wire.parse_frame import parse_frame
from mlxfleet_worker.wire.replies import ReplyChannel

QUICK = HOLD_SECONDS / 8.5


class Recorder(ReplyChannel):
    """Keeps the frames instead of writing them."""

    def __init__(self) -> None:
        self.frames: list[list[int]] = []

    def send(self, frame: dict[str, Any]) -> None:
        self.frames.append([output["tokens"][0] for output in frame["outputs"]])


def make_request() -> Request:
    line = b'{"type":"generate","id":"a","prompt":{"kind":"text","text":"x"},"max_tokens":9,"sampling":{},"stop":[]}'
    frame = parse_frame(line)
    assert isinstance(frame, GenerateFrame)
    return Request(frame)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


def step(outbox: Outbox, request: Request, now: float, *, slow: bool = False, **fields: Any) -> None:
    request.completion_tokens += 1
    outbox.add(request, {"tokens": (request.completion_tokens,), **fields})
    outbox.step_ended(now, next_is_slow=slow)


def test_slow_steps_wait_for_nothing(recorder: Recorder) -> None:
    outbox, request = Outbox(recorder), make_request()
    for number in range(1, 5):
        step(outbox, request, number * HOLD_SECONDS)
    assert recorder.frames == [[1], [2], [3], [4]]


def test_quick_steps_share_a_frame_and_the_first_token_waits_for_nothing(recorder: Recorder) -> None:
    outbox, request = Outbox(recorder), make_request()
    for number in range(1, 10):
        step(outbox, request, 1 + number * QUICK)
    assert recorder.frames == [[1], [2, 3, 4, 5, 6, 7, 8, 9]]


def test_no_output_is_held_longer_than_the_limit(recorder: Recorder) -> None:
    outbox, request = Outbox(recorder), make_request()
    now, made, longest = 1.0, {}, 0.0
    for number in range(1, 400):
        now += QUICK * (1 + number % 5)
        sent = sum(map(len, recorder.frames))
        made[number] = now
        step(outbox, request, now)
        for token in range(sent + 1, sum(map(len, recorder.frames)) + 1):
            longest = max(longest, now - made[token])
    assert longest <= HOLD_SECONDS


def test_the_last_token_and_a_slow_step_to_come_send_everything(recorder: Recorder) -> None:
    outbox, request = Outbox(recorder), make_request()
    step(outbox, request, 1 + QUICK)
    step(outbox, request, 1 + 2 * QUICK)
    step(outbox, request, 1 + 3 * QUICK, slow=True)
    step(outbox, request, 1 + 4 * QUICK)
    step(outbox, request, 1 + 5 * QUICK, finish={})
    assert recorder.frames == [[1], [2, 3], [4, 5]]


def test_nothing_is_sent_of_a_request_that_was_cancelled(recorder: Recorder) -> None:
    outbox, gone, other = Outbox(recorder), make_request(), make_request()
    step(outbox, other, 1 + QUICK)
    gone.completion_tokens = other.completion_tokens = 7
    step(outbox, gone, 1 + 2 * QUICK)
    gone.cancelled = True
    step(outbox, other, 1 + 3 * QUICK, finish={})
    assert recorder.frames == [[1], [8]]
