"""Questions about tokens hold up no completion, are dropped when nobody asks any more, and have a longest text."""

import threading
from collections.abc import Callable
from typing import Any

import pytest

from mlxfleet_worker.generation.preparation import Preparation
from mlxfleet_worker.generation.request import Request
from mlxfleet_worker.serving.question import Question
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.tokens.tokenizing import MOST_TEXT, tokenize
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import TokenizeFrame
from mlxfleet_worker.wire.prompts import ChatPrompt, Prompt, TextPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from preparation_support import ListeningEngine, make_frame
from reply_reader import replies_to
from waiting import wait_until
from worker_process import WorkerProcess, generate_frame


class SlowQuestions:
    """A model that takes as long as it is told to for a question, and notes which texts it was asked about."""

    context_length = 100
    tokenizer = None

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.has_begun, self.may_end = threading.Event(), threading.Event()

    def tokens(self, prompt: Prompt, _tool_choice: Any) -> list[int]:
        assert isinstance(prompt, TextPrompt)
        self.asked.append(prompt.text)
        self.has_begun.set()
        assert self.may_end.wait(20)
        return [1]

    def encode(self, _prompt: Prompt, _tool_choice: Any) -> list[int]:
        return [1, 2, 3]

    def beginnings(self, *_: Any) -> None:
        return None


class Served:
    """A preparation with running threads."""

    def __init__(self, replies: ReplyChannel) -> None:
        self.engine, self.model, self.registry = ListeningEngine(), SlowQuestions(), Registry()
        self.preparation = Preparation(self.engine, replies, self.registry)  # type: ignore[arg-type]
        for thread in self.preparation.threads:
            threading.Thread(target=thread.run, args=(self.model,), daemon=True).start()

    def ask(self, text: str) -> Question:
        question = Question(TokenizeFrame(text, TextPrompt(text)))
        assert self.registry.add(question)
        self.preparation.submit(question)
        return question

    def cancel(self, question: Question) -> None:
        question.cancelled = True
        self.registry.remove(question)

    def complete(self) -> None:
        self.preparation.submit(Request(make_frame("completion")))
        assert [each.id for each in self.engine.first(1)] == ["completion"]


def served(use: Callable[[Served], None]) -> list[dict[str, Any]]:
    return replies_to(lambda replies: use(Served(replies)))


def test_a_completion_overtakes_a_question_that_takes_long() -> None:
    def use(worker: Served) -> None:
        question = worker.ask("long")
        assert worker.model.has_begun.wait(20)
        worker.complete()
        worker.cancel(question)
        worker.model.may_end.set()

    served(use)


def test_questions_that_nobody_asks_any_more_are_dropped() -> None:
    def use(worker: Served) -> None:
        begun = worker.ask("begun")
        assert worker.model.has_begun.wait(20)
        waiting = worker.ask("waiting")
        worker.cancel(begun)
        worker.cancel(waiting)
        last = worker.ask("last")
        worker.model.may_end.set()
        questions = worker.preparation.threads[2]
        wait_until(lambda: worker.registry.get(last.id) is None and questions.seconds == 0)
        assert worker.model.asked == ["begun", "last"]

    assert [reply["id"] for reply in served(use)] == ["last"]


def test_a_worker_drops_them_too(worker: WorkerProcess) -> None:
    long = {"kind": "text", "text": "x" * 900_000}
    for index in range(4):
        worker.send({"type": "tokenize", "id": f"gone-{index}", "prompt": long})
        worker.send({"type": "cancel", "id": f"gone-{index}"})
    worker.send({"type": "tokenize", "id": "stays", "prompt": {"kind": "text", "text": "zebra"}})
    assert [frame["id"] for frame in worker.read_until(lambda frame: frame.get("id") == "stays")] == ["stays"]


def test_a_worker_answers_a_completion_before_long_questions(worker: WorkerProcess) -> None:
    for index in range(3):
        prompt = {"kind": "text", "text": "x" * 900_000}
        worker.send({"type": "tokenize", "id": f"long-{index}", "prompt": prompt})
    worker.send(generate_frame("completion", "zebra", max_tokens=2))
    frames = worker.read_until(lambda frame: frame.get("id") == "long-2")
    outputs = [output["id"] for frame in frames for output in frame.get("outputs", ()) if "finish" in output]
    assert outputs == ["completion"]


LONG = "x" * (MOST_TEXT + 1)


class Untouchable:
    """A model that must not be asked."""

    tokenizer = None

    def tokens(self, _prompt: Prompt, _tool_choice: Any) -> list[int]:
        pytest.fail("a text that is too long was tokenized")

    def check_tokens(self, _tokens: list[int], _param: str) -> None:
        """Nothing to check."""


@pytest.mark.parametrize(
    ("prompt", "param"),
    [
        (TextPrompt(LONG), "input"),
        (ChatPrompt([{"role": "user", "content": LONG}], {}), "messages"),
        (ChatPrompt([{"role": "user", "content": LONG[: MOST_TEXT // 2 + 1]}] * 2, {}), "messages"),
        (ChatPrompt([], {}, [{"function": {"name": "f", "description": LONG}}]), "messages"),
    ],
)
def test_a_text_too_long_is_refused_unread(prompt: Prompt, param: str) -> None:
    with pytest.raises(RequestError) as refused:
        tokenize(Untouchable(), prompt)
    assert (refused.value.param, str(MOST_TEXT) in refused.value.message) == (param, True)
