"""Tokens and texts, asked of a worker: what it answers is what a completion would begin with."""

from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest
from tokenizers.processors import TemplateProcessing

from mlxfleet_worker.model.text_model import TextModel
from mlxfleet_worker.serving.question import Question, questions_thread
from mlxfleet_worker.serving.registry import Registry
from mlxfleet_worker.tokens.tokenizing import MOST_CHARACTERS, MOST_TOKENS, detokenize, tokenize
from mlxfleet_worker.wire.frames import DetokenizeFrame, TokenizeFrame, ToolChoice
from mlxfleet_worker.wire.prompts import ChatPrompt, Prompt, TextPrompt, TokensPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from reply_reader import replies_to
from worker_process import Frame, WorkerProcess, generate_frame

TEXTS = [
    "",
    " two  spaces \n\tand a tab ",
    "naïve ✨ 日本語 👩‍👩‍👧",
    "<|im_start|>user\nwritten out<|im_end|>",
    "\x00\x7f",
]


@pytest.fixture(scope="module", params=["tiny_text", "smollm2"])
def model(request: pytest.FixtureRequest) -> TextModel:
    """Both byte-level vocabularies: one of bytes alone, one with merges."""
    return TextModel.load(str(request.getfixturevalue(request.param)), None)


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_comes_back_as_it_was(model: TextModel, text: str) -> None:
    tokens = tokenize(model, TextPrompt(text))
    assert bool(tokens) == bool(text)
    assert detokenize(model, tokens) == text


def test_a_prompt_longer_than_the_context_can_be_counted(model: TextModel) -> None:
    assert len(tokenize(model, TextPrompt("zebra " * 10_000))) > model.context_length


def test_tokens_are_what_a_completion_begins_with(model: TextModel) -> None:
    chat = ChatPrompt([{"role": "user", "content": "zebra"}], {})
    assert tokenize(model, chat) == model.encode(chat)
    assert detokenize(model, tokenize(model, chat)).endswith("user\nzebra<|im_end|>\n<|im_start|>assistant\n")
    assert tokenize(model, TokensPrompt([5, 6])) == [5, 6]


def test_tools_are_part_of_a_prompt(model: TextModel) -> None:
    messages = [{"role": "user", "content": "zebra"}]
    chat = ChatPrompt(messages, {}, [{"type": "function", "function": {"name": "stripes", "parameters": {}}}])
    assert tokenize(model, chat) == model.encode(chat, ToolChoice("auto"))
    assert "stripes" in detokenize(model, tokenize(model, chat))


def test_the_tokens_around_a_text_can_be_left_out(tiny_text: Path) -> None:
    model = TextModel.load(str(tiny_text), None)
    bare = tokenize(model, TextPrompt("zebra"))
    begin = model.tokenizer.convert_tokens_to_ids("<|im_start|>")
    model.tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single="<|im_start|> $A", special_tokens=[("<|im_start|>", begin)]
    )
    assert tokenize(model, TextPrompt("zebra")) == [begin, *bare]
    assert tokenize(model, TextPrompt("zebra"), add_special_tokens=False) == bare
    # What the text spells out is the text's own.
    assert tokenize(model, TextPrompt("<|im_start|>zebra"), add_special_tokens=False) == [begin, *bare]
    chat = ChatPrompt([{"role": "user", "content": "zebra"}], {})
    assert tokenize(model, chat, add_special_tokens=False) == tokenize(model, chat)


def test_bytes_that_are_no_character_are_marked(model: TextModel) -> None:
    sparkles = tokenize(model, TextPrompt("✨"))
    assert detokenize(model, sparkles[:-1]).strip("\ufffd") == ""
    assert detokenize(model, sparkles[:-1]) != ""


class FailingModel:
    """A model whose tokenizer has a fault of its own, which ends the loop when it is asked again."""

    tokenizer = None

    def __init__(self) -> None:
        self.asked = 0

    def tokens(self, prompt: Prompt, tool_choice: ToolChoice, /) -> list[int]:
        self._fail("/home/somebody/tokenizer.json", prompt, tool_choice)

    def check_tokens(self, tokens: list[int], param: str) -> None:
        self._fail(param, tokens)

    def _fail(self, *details: object) -> NoReturn:
        self.asked += 1
        if self.asked > 1:
            raise SystemExit
        raise KeyError(*details)


@pytest.mark.parametrize(
    ("frame", "param"),
    [
        (TokenizeFrame("a", TextPrompt("zebra"), True), "input"),
        (DetokenizeFrame("a", [1]), "tokens"),
    ],
)
def test_a_fault_of_the_worker_is_not_told_as_the_clients(frame: TokenizeFrame | DetokenizeFrame, param: str) -> None:
    def send(replies: ReplyChannel) -> None:
        registry = Registry()
        thread = questions_thread(replies, registry)
        for id in ("first", "last"):
            question = Question(replace(frame, id=id))
            registry.add(question)
            thread.submit(question)
        with pytest.raises(SystemExit):
            thread.run(FailingModel())

    (failed,) = replies_to(send)
    assert (failed["id"], failed["kind"], failed["param"]) == ("first", "internal", param)
    assert failed["message"] == f"The {param} could not be prepared (KeyError)."


def ask(worker: WorkerProcess, type: str, **fields: Any) -> Frame:
    """One question and its answer."""
    id = worker.new_id()
    worker.send({"type": type, "id": id, **fields})
    answer = worker.read()
    assert answer["id"] == id
    return answer


def test_a_worker_answers_both(worker: WorkerProcess) -> None:
    tokens = ask(worker, "tokenize", prompt={"kind": "text", "text": "zebra"})["tokens"]
    assert len(tokens) == 5
    assert (
        ask(worker, "tokenize", prompt={"kind": "text", "text": "zebra"}, add_special_tokens=False)["tokens"] == tokens
    )
    assert ask(worker, "detokenize", tokens=tokens)["text"] == "zebra"
    started = worker.complete({"kind": "text", "text": "zebra"}, max_tokens=1).started
    assert started is not None
    assert started["prompt_tokens"] == len(tokens)


@pytest.mark.parametrize(
    ("type", "fields", "param"),
    [
        ("detokenize", {"tokens": [5, 259]}, "tokens"),
        ("detokenize", {"tokens": [-1]}, "tokens"),
        ("detokenize", {"tokens": [2**70]}, "tokens"),
        ("detokenize", {"tokens": "zebra"}, "tokens"),
        ("detokenize", {"tokens": [True]}, "tokens"),
        ("tokenize", {"prompt": {"kind": "tokens", "tokens": [400]}}, "prompt"),
        ("tokenize", {"prompt": {"kind": "chat", "messages": []}}, "messages"),
        ("tokenize", {}, "prompt"),
        ("tokenize", {"prompt": {"kind": "text", "text": "a"}, "add_special_tokens": 0}, "add_special_tokens"),
    ],
)
def test_what_it_refuses(worker: WorkerProcess, type: str, fields: Frame, param: str) -> None:
    failed = ask(worker, type, **fields)
    assert (failed["type"], failed["kind"], failed["param"]) == ("failed", "invalid", param)


def test_answers_too_long_for_the_agent_are_refused_and_the_worker_goes_on(worker: WorkerProcess) -> None:
    tokens = ask(worker, "tokenize", prompt={"kind": "text", "text": "x" * (MOST_TOKENS + 1)})
    assert (tokens["type"], tokens["kind"], tokens["param"]) == ("failed", "invalid", "input")
    assert "1000001 tokens" in tokens["message"]
    assert "1000000" in tokens["message"]
    (special,) = ask(worker, "tokenize", prompt={"kind": "text", "text": "<|im_start|>"})["tokens"]
    text = ask(worker, "detokenize", tokens=[special] * (MOST_CHARACTERS // 12 + 1))
    assert (text["type"], text["kind"], text["param"]) == ("failed", "invalid", "tokens")
    assert "characters" in text["message"]
    many = ask(worker, "detokenize", tokens=[5] * (MOST_TOKENS + 1))
    assert (many["type"], many["kind"], many["param"]) == ("failed", "invalid", "tokens")
    assert len(ask(worker, "tokenize", prompt={"kind": "text", "text": "x" * MOST_TOKENS})["tokens"]) == MOST_TOKENS


def test_questions_are_answered_while_it_decodes(worker: WorkerProcess) -> None:
    endless = {"temperature": 0, "logit_bias": {"2": -100}}
    worker.send(generate_frame("long", "zebra", max_tokens=None, sampling=endless))
    worker.read_until(lambda frame: frame["type"] == "step")
    worker.send({"type": "tokenize", "id": "beside", "prompt": {"kind": "text", "text": "zebra"}})
    frames = worker.read_until(lambda frame: frame["type"] == "tokenized")
    assert not any("finish" in output for frame in frames for output in frame.get("outputs", []))
    worker.send({"type": "cancel", "id": "long"})
    worker.ping()
