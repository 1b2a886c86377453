"""How requests come to the engine, in which order, and what is told of those that cannot be prepared."""

import json
import threading
from typing import Any

import pytest

from mlxfleet_worker.generation.engine import Engine
from mlxfleet_worker.generation.preparation import Preparation, may_have_grammar
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.serving.limits import PreparationBrokenError
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.wire.frames import GenerateFrame
from mlxfleet_worker.wire.parse_frame import parse_frame
from mlxfleet_worker.wire.prompts import Prompt
from mlxfleet_worker.wire.replies import ReplyChannel
from preparation_support import ListeningEngine, make_frame
from reply_reader import replies_to
from waiting import wait_until
from worker_process import generate_frame


class FailingModel:
    """A model with a fault of its own, which ends the loop when it is asked again."""

    context_length = 100
    tokenizer = None

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
            preparation.threads[0].run(FailingModel())

    (failed,) = replies_to(send)
    assert (failed["id"], failed["kind"], failed["param"]) == ("first", "internal", "messages")
    assert failed["message"] == "The messages could not be prepared (KeyError)."


class BrokenModel:
    """A model of which every request fails, with this error."""

    context_length = 100
    tokenizer = None

    def __init__(self, error: Exception) -> None:
        self._error = error

    def encode(self, _prompt: Prompt, _tool_choice: Any) -> list[int]:
        """Fail."""
        raise self._error


@pytest.mark.parametrize(
    ("error", "raised", "told"),
    [
        (RuntimeError("Could not load a library"), PreparationBrokenError, 3),
        (MemoryError(), MemoryError, 0),
    ],
)
def test_a_worker_that_cannot_prepare_requests_ends(error: Exception, raised: type[Exception], told: int) -> None:
    def send(replies: ReplyChannel) -> None:
        registry = Registry()
        preparation = Preparation(Engine.__new__(Engine), replies, registry)
        for number in range(5):
            request = Request(make_frame(str(number)))
            registry.add(request)
            preparation.submit(request)
        with pytest.raises(raised):
            preparation.threads[0].run(BrokenModel(error))

    assert [failed["kind"] for failed in replies_to(send)] == ["internal"] * told


class SlowGrammars:
    """A model that takes as long as it is told to for a grammar, and notes what is asked of it."""

    context_length = 100
    tokenizer = None

    def __init__(self) -> None:
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def encode(self, _prompt: Prompt, _tool_choice: Any) -> list[int]:
        return [1, 2, 3]

    def beginnings(self, _frame: GenerateFrame, _tokens: list[int]) -> None:
        return None

    def grammar(self, _frame: GenerateFrame, _tokens: list[int]) -> str:
        self.has_begun.set()
        assert self.may_end.wait(20)
        return "grammar"


def test_requests_without_a_grammar_overtake_one_that_takes_long() -> None:
    def send(replies: ReplyChannel) -> None:
        engine, model = ListeningEngine(), SlowGrammars()
        preparation = Preparation(engine, replies, Registry())  # type: ignore[arg-type]
        prompts, grammars, *_ = preparation.threads
        for thread in (prompts, grammars):
            assert thread.seconds == 0
            threading.Thread(target=thread.run, args=(model,), daemon=True).start()
        preparation.submit(Request(make_frame("heavy", constraint={"kind": "json_object"})))
        assert model.has_begun.wait(20)
        preparation.submit(Request(make_frame("light")))
        (light,) = engine.first(1)
        assert (light.id, light.grammar, light.max_tokens) == ("light", None, 32)
        assert grammars.seconds > 0
        model.may_end.set()
        assert [(each.id, each.grammar) for each in engine.first(2)] == [("light", None), ("heavy", "grammar")]
        wait_until(lambda: prompts.seconds == grammars.seconds == 0)

    assert replies_to(send) == []


STRICT = {"type": "function", "function": {"name": "f", "strict": True}}
FREE = {"type": "function", "function": {"name": "g"}}


@pytest.mark.parametrize(
    ("choice", "tools", "constraint", "expected"),
    [
        ("none", [], None, False),
        ("none", [STRICT], None, False),
        ("auto", [FREE], None, False),
        ("auto", [FREE, STRICT], None, True),
        ("required", [FREE], None, True),
        ({"name": "g"}, [FREE], None, True),
        ("none", [], {"kind": "json_object"}, True),
    ],
)
def test_which_requests_may_have_a_grammar(choice: Any, tools: Any, constraint: Any, expected: bool) -> None:
    prompt = {"kind": "chat", "messages": [{"role": "user", "content": "a"}], "tools": tools}
    frame = make_frame("id", prompt=prompt, tool_choice=choice, constraint=constraint)
    assert may_have_grammar(frame) is expected
