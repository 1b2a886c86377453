"""Takes an answer's text apart by the markers in it: reasoning, visible text and calls."""

from enum import Enum, auto
from typing import Any, Protocol

from .call_reader import CallReader
from .deltas import Collector
from .json_calls import JsonCallsReader
from .markers import held_length
from .parsed_calls import ParsedCallsReader
from .syntax import LLAMA, CallSyntax, ParsedCalls, ReasoningMarkers


class Part(Enum):
    """What the answer is in."""

    OPENING = auto()
    TEXT = auto()
    REASONING = auto()
    CALLS = auto()


class Splitter(Protocol):
    """Takes one answer apart."""

    part: Part
    is_unmarked: bool
    """Whether the calls that it reads began without a marker, so that they may be an answer in JSON."""

    def push(self, text: str) -> None:
        """Take more of the answer's text."""

    def finish(self, *, is_whole: bool) -> None:
        """No more follows; `is_whole` is false where the answer was cut."""


class MarkerSplitter:
    """For answers whose reasoning and calls stand between markers in the text.

    Reasoning is looked for where an answer begins and after calls, not in running text, which may speak of the markers.
    Calls in the reasoning are drafts, unless the answer ends without ever leaving it.
    """

    def __init__(
        self,
        collector: Collector,
        reasoning: ReasoningMarkers | None,
        syntax: CallSyntax | None,
        tools: list[dict[str, Any]],
        *,
        in_reasoning: bool = False,
    ) -> None:
        """Begin inside the reasoning with `in_reasoning`. Without `syntax` the markers of calls are plain text."""
        self._collector = collector
        self._reasoning = reasoning
        self._syntax = syntax
        self._tools = tools
        self._is_bare = syntax is LLAMA
        self._openers = tuple(
            marker
            for marker in (
                reasoning and reasoning.start,
                syntax and syntax.start,
                "{" if self._is_bare else None,
            )
            if marker
        )
        self._call_start = syntax.start if syntax else ""
        self._pending = ""
        self._drops_space = in_reasoning
        self._reader: CallReader | None = None
        self._calls_before = 0
        self._reasoned: list[str] = []
        self.is_unmarked = False
        self.part = Part.REASONING if in_reasoning else Part.OPENING

    def push(self, text: str) -> None:
        """Take more of the answer's text."""
        self._pending += text
        while self._pending:
            part = self.part
            if part is Part.TEXT:
                self._read_text()
            elif part is Part.REASONING:
                self._read_reasoning()
            elif part is Part.OPENING:
                self._read_opening()
            else:
                self._read_calls()
            if self.part is part:
                return

    def finish(self, *, is_whole: bool) -> None:
        """No more follows."""
        while self._reader is not None:
            reader, self._reader = self._reader, None
            rest = reader.finish(is_whole=is_whole)
            self._drops_space = not self._collector.has_text
            self.part = Part.OPENING
            self.push(rest)
        pending, self._pending = self._pending, ""
        if self.part is Part.REASONING:
            self._add_reasoning(pending if pending.strip() else "")
            if is_whole:
                self._take_drafts()
        elif self.part is Part.TEXT or pending.strip() or not (self._drops_space or self._collector.calls):
            self._collector.add_text(pending)

    def _read_text(self) -> None:
        start = self._call_start
        if not start or start[0] not in self._pending:
            self._collector.add_text(self._pending)
            self._pending = ""
            return
        at = self._pending.find(start)
        if at >= 0:
            self._collector.add_text(self._pending[:at])
            self._pending = self._pending[at + len(start) :]
            self._begin_calls(start)
            return
        shown = len(self._pending) - held_length(self._pending, (start,))
        self._collector.add_text(self._pending[:shown])
        self._pending = self._pending[shown:]

    def _read_reasoning(self) -> None:
        assert self._reasoning is not None
        if self._drops_space:
            self._pending = self._pending.lstrip()
            self._drops_space = not self._pending
        end = self._reasoning.end
        if end[0] not in self._pending and not self._pending[-1:].isspace():
            self._add_reasoning(self._pending)
            self._pending = ""
            return
        at = self._pending.find(end)
        if at >= 0:
            self._add_reasoning(self._pending[:at].rstrip())
            self._pending = self._pending[at + len(end) :]
            self._reasoned.clear()
            self._drops_space = True
            self.part = Part.OPENING
            return
        shown = len(self._pending) - held_length(self._pending, (end,))
        shown = len(self._pending[:shown].rstrip())
        self._add_reasoning(self._pending[:shown])
        self._pending = self._pending[shown:]

    def _read_opening(self) -> None:
        """Where reasoning, calls or text may begin. White space is kept back until one of them does."""
        begun = self._pending.lstrip()
        if not begun:
            return
        for opener in self._openers:
            if begun.startswith(opener):
                self._begin(opener, begun)
                return
            if opener.startswith(begun):
                return
        if self._drops_space:
            self._pending = begun
        self.part = Part.TEXT

    def _begin(self, opener: str, begun: str) -> None:
        if self._reasoning is not None and opener == self._reasoning.start:
            self._pending = begun[len(opener) :]
            self._drops_space = True
            self.part = Part.REASONING
        elif opener == "{":
            space = "" if self._drops_space else self._pending[: len(self._pending) - len(begun)]
            self._pending = begun
            self._begin_calls(space)
        else:
            self._pending = begun[len(opener) :]
            self._begin_calls(opener)

    def _begin_calls(self, written: str) -> None:
        self.is_unmarked = not written.strip()
        self._reader = self._make_reader(self._collector, written)
        self._calls_before = self._collector.calls
        self.part = Part.CALLS

    def _make_reader(self, collector: Collector, written: str) -> CallReader:
        assert self._syntax is not None
        if isinstance(self._syntax, ParsedCalls):
            return ParsedCallsReader(self._syntax, collector, self._tools)
        names = {tool["function"]["name"] for tool in self._tools} if self._is_bare else None
        return JsonCallsReader(self._syntax, collector, written, bare_names=names)

    def _read_calls(self) -> None:
        assert self._reader is not None
        text, self._pending = self._pending, ""
        rest = self._reader.feed(text)
        if rest is None:
            return
        self._reader = None
        self._pending = rest
        self._drops_space = not self._collector.has_text
        self.part = Part.OPENING if self._collector.calls > self._calls_before else Part.TEXT

    def _add_reasoning(self, text: str) -> None:
        self._collector.add_reasoning(text)
        if self._syntax is not None and text:
            self._reasoned.append(text)

    def _take_drafts(self) -> None:
        """Collect the calls in a reasoning that nothing followed."""
        reasoned = "".join(self._reasoned)
        at = reasoned.find(self._call_start) if self._call_start else -1
        if at < 0:
            return
        drafts = Collector(parallel=True)
        splitter = MarkerSplitter(drafts, None, self._syntax, self._tools)
        splitter.push(reasoned[at:])
        splitter.finish(is_whole=True)
        for call in drafts.take().tool_calls:
            self._collector.add_call(call.name or "", call.arguments)
