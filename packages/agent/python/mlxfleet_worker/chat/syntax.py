"""How the calls of a model family are written. Pure descriptions; who reads and who forces them is elsewhere."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import regex

Parser = Callable[[str, list[dict[str, Any]]], Any]
"""One of mlx-lm's tool parsers: the text between the markers and the tools to a call, or to a list of calls."""

CALL_OBJECT = r"(?P<object>\{)"
ARGUMENTS = r"(?=\{)"
BETWEEN = r"[\s\]},;]*"
"""What may stand between two calls, brackets too many among it."""


@dataclass(frozen=True)
class JsonCalls:
    """Calls whose arguments are JSON, one or several between `start` and `end`.

    `end` is empty where nothing but the end of the answer ends them, or one of `stops`, which are no part of them.
    `first` and `following` match what stands before the first call and before each further one: the group `object`
    begins an object with name and arguments, the group `name` is a name that an object of arguments follows, the group
    `end` ends the calls.
    """

    start: str
    end: str
    first: regex.Pattern[str]
    following: regex.Pattern[str]
    stops: tuple[str, ...] = ()


def tagged_json(start: str, end: str) -> JsonCalls:
    """Objects with name and arguments between two markers, one or a list: Hermes, Qwen, Granite and many others."""
    pattern = regex.compile(rf"[\s\[\],;}}]*(?:(?P<end>{regex.escape(end)})|{CALL_OBJECT})")
    return JsonCalls(start, end, pattern, pattern)


MISTRAL_NAME = r"(?P<name>[\w.-]+)\s*(?:\[CALL_ID\][\w-]*\s*)?"
MISTRAL = JsonCalls(
    "[TOOL_CALLS]",
    "",
    regex.compile(rf"\s*(?:\[?\s*{CALL_OBJECT}|{MISTRAL_NAME}(?:\[ARGS\]\s*)?{ARGUMENTS})"),
    regex.compile(rf"{BETWEEN}(?:{CALL_OBJECT}|{MISTRAL_NAME}\[ARGS\]\s*{ARGUMENTS})"),
)
"""A list of objects, or each call behind a marker of its own as a name and its arguments."""


def _enclosed(start: str, end: str, opener: str, closer: str) -> JsonCalls:
    """Calls between `start` and `end`, each between the patterns `opener`, which has its name, and `closer`."""
    pattern = regex.compile(rf"(?:[\s\]}}]|{closer})*(?:(?P<end>{regex.escape(end)})|{opener}\s*{ARGUMENTS})")
    return JsonCalls(start, end, pattern, pattern)


KIMI_K2 = _enclosed(
    "<|tool_calls_section_begin|>",
    "<|tool_calls_section_end|>",
    r"<\|tool_call_begin\|>\s*(?:functions\.)?(?P<name>[^<]+?):\d+\s*<\|tool_call_argument_begin\|>",
    r"<\|tool_call_end\|>",
)


def deepseek_token(name: str) -> str:
    """A token of DeepSeek's, between angle brackets with full-width bars."""
    return f"<\uff5c{name}\uff5c>"


_separator = deepseek_token("tool▁sep")
DEEPSEEK = _enclosed(
    deepseek_token("tool▁calls▁begin"),
    deepseek_token("tool▁calls▁end"),
    rf"{deepseek_token('tool▁call▁begin')}(?:function{_separator})?(?P<name>[^<\n]+)(?:{_separator}|\n```json\n)",
    rf"```|{deepseek_token('tool▁call▁end')}",
)
"""V3.1 writes name, separator, arguments; R1 and V3 the word function, separator, name, a fenced block of JSON."""

HERMES = tagged_json("<tool_call>", "</tool_call>")


BARE_OBJECTS = regex.compile(rf"{BETWEEN}(?:<\|python_tag\|>\s*)?{CALL_OBJECT}")
LLAMA = JsonCalls("<|python_tag|>", "", BARE_OBJECTS, BARE_OBJECTS)
"""An answer that is nothing but objects with name and parameters, perhaps behind a marker."""

HARMONY_STOPS = ("<|call|>", "<|end|>", "<|start|>", "<|return|>")
_harmony_end = r"(?=(?P<end><\|(?:call|end|start|return)\|>))"
HARMONY = JsonCalls(
    "",
    "",
    regex.compile(rf"\s*(?:{_harmony_end}|{ARGUMENTS})"),
    regex.compile(rf"{BETWEEN}{_harmony_end}"),
    HARMONY_STOPS,
)
"""The arguments in the message of one call: GPT-OSS."""


@dataclass(frozen=True)
class ParsedCalls:
    """Calls that one of mlx-lm's parsers reads when they are complete; `end` may be empty as above.

    `module` is the parser's name in the library.
    """

    start: str
    end: str
    parse: Parser
    module: str


CallSyntax = JsonCalls | ParsedCalls


@dataclass(frozen=True)
class ReasoningMarkers:
    """What encloses the reasoning in an answer."""

    start: str
    end: str
