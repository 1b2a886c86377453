"""Answers drawn by chance from what a grammar allows. Shared by the tests of grammars of chats."""

import json
import random
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from chat_answers import Answer, load_chat, read_tokens
from constraints_support import count_allowed
from mlxfleet_worker.constraints.grammar import GrammarFactory

FAMILIES = [
    "qwen3",
    "qwen3_thinking",
    "qwen3_coder",
    "llama3",
    "mistral_v3",
    "mistral_v11",
    "gemma3",
    "function_gemma",
    "gemma4",
    "gpt_oss",
    "deepseek",
    "pythonic",
]
REASONING = ["qwen3", "qwen3_thinking", "gemma4", "deepseek"]
PARSED = {
    "qwen3_coder": "<tool_call>\n<function=get_weather>\n<parameter=city>\nOslo\n</parameter>\n"
    "<parameter=unit>\nc\n</parameter>\n</function>\n</tool_call>",
    "function_gemma": "<start_function_call>call:get_weather{city:<escape>Oslo<escape>,unit:<escape>c<escape>}"
    "<end_function_call>",
    "gemma4": '<|tool_call>call:get_weather{city:<|"|>Oslo<|"|>,unit:<|"|>c<|"|>}<tool_call|>',
    "pythonic": '<|tool_call_start|>[get_weather(city="Oslo", unit="c")]<|tool_call_end|>',
}
"""Calls in notations that one of mlx-lm's parsers reads; what is written in them by chance is hardly ever a call."""

MOST_TOKENS = 3000


def weather(*, strict: bool = False) -> dict[str, Any]:
    """A tool with arguments of every plain kind."""
    parameters = {
        "type": "object",
        "properties": {
            "city": {"type": "string", "maxLength": 6},
            "unit": {"type": "string", "enum": ["c", "f"]},
            "days": {"type": "integer"},
            "warm": {"type": "boolean"},
        },
        "required": ["city", "unit"],
    }
    return {"type": "function", "function": {"name": "get_weather", "parameters": parameters, "strict": strict}}


made: list[GrammarFactory] = []


def close_factories() -> None:
    """Let go of the processes that tried grammars."""
    for factory in made:
        factory._trials.close()


@cache
def make_factory(folder: Path) -> GrammarFactory:
    """The factory of a family's grammars."""
    tokenizer, format = load_chat(folder)
    ends = json.loads((folder / "config.json").read_text())["eos_token_id"]
    assert format.end_tokens <= set(ends)
    factory = GrammarFactory(tokenizer, len(tokenizer), ends)
    made.append(factory)
    return factory


def accepts(folder: Path, grammar: str, text: str) -> bool:
    """Whether this may be an answer, and the whole of it."""
    factory = make_factory(folder)
    tokenizer, _ = load_chat(folder)
    end = min(factory._end_tokens)
    tokens = [*tokenizer.encode(text, add_special_tokens=False), end]
    return count_allowed(factory.lark(grammar, "response_format").start(), tokens) == len(tokens)


def draw(folder: Path, grammar: str, source: random.Random, begin: str) -> list[int] | None:
    """Tokens drawn from those that the grammar allows, as by a model without any idea; None when they find no end."""
    matcher = make_factory(folder).lark(grammar, "tool_choice").start().library
    factory = make_factory(folder)
    tokenizer, format = load_chat(folder)
    ends = set(factory._vocabulary.end_tokens)
    # A model without any idea writes texts for ever: what ends them is drawn more often.
    closers = ends | set(format.added_tokens.values()) | {tokenizer.convert_tokens_to_ids(c) for c in '"{}]/'}
    tokens: list[int] = tokenizer.encode(begin, add_special_tokens=False)
    assert matcher.consume_tokens(tokens), matcher.get_error()
    for _ in range(MOST_TOKENS):
        mask = matcher.compute_bitmask()
        allowed = [id for id in range(len(tokenizer)) if mask[id // 8] >> id % 8 & 1]
        assert allowed, matcher.get_error()
        preferred = [id for id in allowed if id in closers]
        token = source.choice(preferred if preferred and source.random() < 0.3 else allowed)
        if token in ends and matcher.is_accepting():
            return tokens
        assert matcher.consume_token(token), matcher.get_error()
        tokens.append(token)
    return None


def drawn_answers(
    folder: Path,
    grammar: str,
    tools: list[dict[str, Any]],
    *,
    in_reasoning: bool = False,
    count: int = 12,
    begin: str = "",
) -> Iterator[Answer]:
    """Answers that begin with a text and go on by chance; at least half of the drawings come to an end."""
    tokenizer, format = load_chat(folder)
    start = format.reasoning.start if format.reasoning and in_reasoning else "x"
    prompt = tokenizer.encode(start, add_special_tokens=False)
    source = random.Random(5)
    ended = 0
    for _ in range(count):
        tokens = draw(folder, grammar, source, begin)
        if tokens is not None:
            ended += 1
            yield read_tokens(tokenizer, format, tokens, prompt=prompt, tools=tools)
    assert ended > count // 2


def check_weather(arguments: str) -> None:
    """Fail where arguments do not follow the schema of `weather`."""
    given = json.loads(arguments)
    assert set(given) <= {"city", "unit", "days", "warm"}
    assert isinstance(given["city"], str)
    assert len(given["city"]) <= 6
    assert given["unit"] in ("c", "f")
    assert isinstance(given.get("days", 1), int)
    assert isinstance(given.get("warm", True), bool)
