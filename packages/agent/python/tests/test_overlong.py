"""Texts far beyond the context are refused by their beginning; no text that fits is."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from mlx_lm.utils import load_tokenizer

from mlxfleet_worker.embedding.preparation import add_rows
from mlxfleet_worker.embedding.request import EmbeddingRequest
from mlxfleet_worker.tokens.overlong import CHARACTERS_PER_TOKEN, certain_text, least_tokens
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import EmbedFrame
from mlxfleet_worker.wire.prompts import ChatPrompt, TextPrompt, TokensPrompt
from worker_process import WorkerProcess, generate_frame

CONTEXT = 200


class CountingTokenizer:
    """A token for so many characters; notes how much it was given."""

    def __init__(self, characters: int) -> None:
        self._characters = characters
        self.seen = 0

    def encode(self, text: str, *, add_special_tokens: bool) -> list[int]:
        assert not add_special_tokens
        self.seen += len(text)
        return [0] * -(-len(text) // self._characters)


@pytest.mark.parametrize("characters", [1, 4, 7])
def test_only_the_beginning_of_an_overlong_text_is_tokenized(characters: int) -> None:
    tokenizer = CountingTokenizer(characters)
    length = least_tokens("x" * 10_000_000, tokenizer, CONTEXT)
    assert tokenizer.seen == CONTEXT * CHARACTERS_PER_TOKEN
    assert length is not None
    assert length > 2 * CONTEXT


@pytest.mark.parametrize("characters", [8, 16, 1000])
def test_a_text_of_few_tokens_is_not_refused_by_its_length(characters: int) -> None:
    assert least_tokens("x" * 10_000_000, CountingTokenizer(characters), CONTEXT) is None


def test_an_ordinary_text_is_not_tokenized_twice() -> None:
    tokenizer = CountingTokenizer(1)
    assert least_tokens("x" * CONTEXT * CHARACTERS_PER_TOKEN, tokenizer, CONTEXT) is None
    assert tokenizer.seen == 0


def test_whatever_is_refused_does_not_fit(smollm2: Path) -> None:
    tokenizer = load_tokenizer(smollm2)
    pieces = ["word ", " ", "a", "\n", "漢字", "🙂", "e\u0301", "0123456789", "-" * 64, "\u200b", "<|endoftext|>"]
    for piece in pieces:
        text = piece * (20_000 // len(piece))
        for context in (20, 100, 500):
            least = least_tokens(text, tokenizer, context)
            whole = len(tokenizer.encode(text, add_special_tokens=False))
            assert least is None or whole > context


def test_inputs_to_embed_are_tokenized_in_turns() -> None:
    tokenizer = CountingTokenizer(10)
    model = SimpleNamespace(
        context_length=100_000,
        dimensions=4,
        tokenizer=tokenizer,
        encode=lambda texts: [tokenizer.encode(each, add_special_tokens=False) for each in texts],
        check_tokens=lambda *_: None,
    )
    inputs = [*["a"] * 40, "x" * 900_000, "b", [1, 2]]
    request = EmbeddingRequest(EmbedFrame("e", inputs, None))
    turns = []
    while len(request.rows) < len(inputs):
        before = len(request.rows)
        add_rows(request, model)  # type: ignore[arg-type]
        turns.append(len(request.rows) - before)
    assert turns == [32, 8, 1, 2]
    assert [len(row) for row in request.rows] == [*[1] * 40, 90_000, 1, 2]


def test_the_text_of_a_prompt() -> None:
    messages = [
        {"role": "system", "content": "long" * 9},
        {"role": "user", "content": "short"},
        {"role": "user", "content": "longer"},
        {"role": "assistant", "content": "longest of all"},
        {"role": "user", "content": None},
    ]
    assert certain_text(ChatPrompt(messages, {})) == "short\nlonger"
    assert certain_text(ChatPrompt([], {})) == ""
    assert certain_text(TextPrompt("text")) == "text"
    assert certain_text(TokensPrompt([1])) == ""


@pytest.mark.parametrize(
    ("inputs", "param", "message"),
    [
        (["a", "x" * 5000], "input.1", "input[1] has more than 3200 tokens"),
        (["x" * 5000], "input", "input has more than 3200 tokens"),
        (["a", "x" * 201], "input.1", "input[1] has 201 tokens"),
    ],
)
def test_an_input_to_embed_is_refused_by_name(inputs: list[str], param: str, message: str) -> None:
    tokenizer = CountingTokenizer(1)
    model = SimpleNamespace(
        context_length=CONTEXT,
        dimensions=4,
        tokenizer=tokenizer,
        encode=lambda texts: [tokenizer.encode(each, add_special_tokens=False) for each in texts],
    )
    with pytest.raises(RequestError) as caught:
        add_rows(EmbeddingRequest(EmbedFrame("e", list(inputs), None)), model)  # type: ignore[arg-type]
    assert caught.value.message == f"{message}, and this model takes 200 at most. Split it."
    assert (caught.value.kind, caught.value.param) == ("context_length", param)


@pytest.mark.parametrize(
    ("prompt", "param"),
    [
        ("zebra " * 500_000, "messages"),
        ({"kind": "chat", "messages": [{"role": "user", "content": "zebra " * 500_000}], "param": "input"}, "input"),
        ({"kind": "text", "text": "a " * 1_000_000}, "prompt"),
    ],
)
def test_a_worker_refuses_it_by_name(worker: WorkerProcess, prompt: str | dict, param: str) -> None:
    (completion,) = worker.complete_all([generate_frame(worker.new_id(), prompt)])
    assert completion.failed is not None
    assert (completion.failed["kind"], completion.failed["param"]) == ("context_length", param)
    assert f"your {param} resulted in more than" in completion.failed["message"]
    assert f"Shorten the {param}." in completion.failed["message"]
