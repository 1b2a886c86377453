"""Answers read by the chat package, put together again. Shared by the tests of chats."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.utils import load_tokenizer

from mlxfleet_worker.chat.answer import AnswerReader
from mlxfleet_worker.chat.deltas import AnswerDelta
from mlxfleet_worker.chat.format import ChatFormat
from mlxfleet_worker.tokens.detokenizer import DetokenizerFactory
from mlxfleet_worker.wire.frames import ToolChoice

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "The weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
            "required": ["city"],
        },
    },
}
CLOCK = {
    "type": "function",
    "function": {"name": "now", "description": "The time.", "parameters": {"type": "object", "properties": {}}},
}
TOOLS = [WEATHER, CLOCK]
AUTO = ToolChoice("auto")


@dataclass
class Answer:
    """What the deltas of an answer add up to. Calls are names and arguments."""

    text: str
    reasoning: str
    calls: list[tuple[str, str]]


class TextPieces:
    """A detokenizer whose tokens are pieces of text."""

    def add(self, piece: Any) -> str:
        return str(piece)

    def finish(self) -> str:
        return ""


@cache
def load_chat(folder: Path) -> tuple[TokenizerWrapper, ChatFormat]:
    """The tokenizer in this folder and its chat format."""
    tokenizer = load_tokenizer(folder)
    return tokenizer, ChatFormat(tokenizer)


def put_together(deltas: Iterable[AnswerDelta]) -> Answer:
    """One answer of all deltas, which have to keep the promises that are made of them."""
    text = reasoning = ""
    calls: dict[int, list[str]] = {}
    for delta in deltas:
        text += delta.text
        reasoning += delta.reasoning
        for call in delta.tool_calls:
            if call.id is not None:
                assert call.index == len(calls), "calls come in their order, each begun once"
                assert call.id.startswith("call_")
                assert len(call.id) == len("call_") + 24
                assert call.name
                calls[call.index] = [call.name, ""]
            assert call.index == len(calls) - 1, "a call is over when the next one begins"
            calls[call.index][1] += call.arguments
    return Answer(text, reasoning, [(name, arguments) for name, arguments in calls.values()])


def read_pieces(
    format: ChatFormat,
    pieces: Iterable[str],
    *,
    prompt: list[int] | None = None,
    tools: list[dict[str, Any]] | None = None,
    choice: ToolChoice = AUTO,
    parallel: bool = True,
    is_whole: bool = True,
    is_json: bool = False,
) -> Answer:
    """The answer that these pieces of text make."""
    tools = TOOLS if tools is None else tools
    reader = AnswerReader(format, TextPieces(), prompt or [0], tools, choice, parallel, is_json=is_json)
    deltas = [reader.take(piece) for piece in pieces]  # type: ignore[arg-type]
    return put_together([*deltas, reader.finish(is_whole=is_whole)])


def read_tokens(
    tokenizer: TokenizerWrapper,
    format: ChatFormat,
    tokens: Iterable[int],
    *,
    prompt: list[int] | None = None,
    tools: list[dict[str, Any]] | None = None,
) -> Answer:
    """The answer that these tokens make."""
    detokenizer = DetokenizerFactory(tokenizer).make()
    reader = AnswerReader(format, detokenizer, prompt or [0], TOOLS if tools is None else tools, AUTO, True)
    return put_together([*map(reader.take, tokens), reader.finish()])
