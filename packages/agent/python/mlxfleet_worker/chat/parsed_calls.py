"""Reads tool calls with mlx-lm's parsers, when they are complete."""

import json
from typing import Any

from .deltas import Collector
from .syntax import ParsedCalls

UNREADABLE = ("unknown", ["raw"])
"""Name and arguments of what the library's parser for GLM cannot read."""


class ParsedCallsReader:
    """Calls that one of the library's parsers reads."""

    def __init__(self, syntax: ParsedCalls, collector: Collector, tools: list[dict[str, Any]]) -> None:
        self._syntax = syntax
        self._collector = collector
        self._tools = tools
        self._parts: list[str] = []
        # The end of the parts, in which the marker may have begun.
        self._tail = ""

    def feed(self, text: str) -> str | None:
        """Read on. Returns what follows the calls once they are over, None before."""
        end = self._syntax.end
        recent = self._tail + text
        self._parts.append(text)
        at = recent.find(end) if end else -1
        if at < 0:
            self._tail = recent[max(0, len(recent) - len(end) + 1) :] if end else ""
            return None
        rest = recent[at + len(end) :]
        written = "".join(self._parts)
        written = written[: len(written) - len(rest)]
        if not self._collect(written.removesuffix(end)):
            self._collector.add_text(self._syntax.start + written)
        return rest

    def finish(self, *, is_whole: bool) -> str:
        """No more follows. Returns what follows the calls."""
        written = "".join(self._parts)
        if not is_whole or not self._collect(written):
            self._collector.add_text(self._syntax.start + written)
        return ""

    def _collect(self, body: str) -> bool:
        calls = parse_calls(self._syntax, body, self._tools)
        for name, arguments in calls:
            self._collector.add_call(name, arguments)
        return bool(calls)


def parse_calls(syntax: ParsedCalls, body: str, tools: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The names and arguments that the parser finds in this text; none where it is no call."""
    try:
        parsed = syntax.parse(body, tools)
        calls = [_parsed_call(call) for call in (parsed if isinstance(parsed, list) else [parsed])]
    # The parsers raise what their regular expressions and conversions happen to raise.
    except Exception:
        return []
    found = [call for call in calls if call is not None]
    return found if len(found) == len(calls) else []


def _parsed_call(call: Any) -> tuple[str, str] | None:
    name, arguments = call["name"], call["arguments"]
    if not isinstance(name, str) or not name or not isinstance(arguments, dict):
        return None
    if (name, list(arguments)) == UNREADABLE:
        return None
    return name, json.dumps(arguments, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
