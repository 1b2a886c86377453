"""Stop texts in every way that tokens may cut them."""

import random

import pytest

from mlxfleet_worker.generation.stopping import StopTexts


def run(chunks: list[str], stops: list[str]) -> tuple[str, bool]:
    watcher = StopTexts(stops)
    shown = ""
    for chunk in chunks:
        text, stopped = watcher.push(chunk)
        shown += text
        # What was shown must never have to be taken back.
        assert not any(stop in shown for stop in stops)
        if stopped is not None:
            assert stopped in stops
            return shown, True
    return shown + watcher.finish(), False


@pytest.mark.parametrize(
    ("chunks", "stops", "shown", "stopped"),
    [
        (["hello", " world"], ["xyz"], "hello world", False),
        (["one STOP two"], ["STOP"], "one ", True),
        (["one S", "T", "OP two"], ["STOP"], "one ", True),
        (["one ST", "ART"], ["STOP"], "one START", False),
        (["ends with ST"], ["STOP"], "ends with ST", False),
        (["aab"], ["ab"], "a", True),
        (["a", "a", "b"], ["ab"], "a", True),
        (["abcd"], ["abcd", "bc"], "a", True),
        (["xabc"], ["c", "abc"], "x", True),
        (["\n", "\n", "next"], ["\n\n"], "", True),
    ],
)
def test_examples(chunks: list[str], stops: list[str], shown: str, stopped: bool) -> None:
    assert run(chunks, stops) == (shown, stopped)


def test_any_cut_of_a_text_gives_the_same_result() -> None:
    source = random.Random(7)
    for _ in range(500):
        text = "".join(source.choices("ab", k=30))
        stops = ["".join(source.choices("ab", k=source.randint(2, 6))) for _ in range(source.randint(1, 4))]
        chunks = []
        rest = text
        while rest:
            size = source.randint(1, 5)
            chunks.append(rest[:size])
            rest = rest[size:]
        assert run(chunks, stops) == run(list(text), stops) == run([text], stops)


def test_text_that_cannot_begin_a_stop_is_shown_at_once() -> None:
    assert StopTexts(["STOP"]).push("abc") == ("abc", None)
    assert StopTexts(["STOP"]).push("abcST") == ("abc", None)
