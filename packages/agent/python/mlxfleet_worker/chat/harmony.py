"""Takes the answers of GPT-OSS apart: messages with channels, between markers."""

import re

from .deltas import Collector
from .json_calls import JsonCallsReader
from .markers import held_length
from .splitter import Part
from .syntax import HARMONY, HARMONY_STOPS

MESSAGE = "<|message|>"
CHANNEL = "<|channel|>"
HEADER_BEGINNINGS = (CHANNEL, "<|start|>", MESSAGE, "<|constrain|>", "to=")
BODY_ENDS = (*HARMONY_STOPS, CHANNEL)
CONTINUED_BY = ("<|start|>", CHANNEL)
"""Ends of a message that begin the next one's header."""

LONGEST_HEADER = 500
"""Characters. Headers have a role, a recipient, a channel and a type; what is longer is none."""

_channel = re.compile(r"<\|channel\|>\s*(\w+)")
_recipient = re.compile(r"\bto=([^\s<]+)")
_plain_recipients = frozenset({"user", "assistant", "all"})


class HarmonySplitter:
    """One answer: analysis is reasoning, messages to functions are calls, everything else is visible."""

    def __init__(self, collector: Collector, *, takes_calls: bool) -> None:
        """Without `takes_calls` messages to functions are visible text."""
        self._collector = collector
        self._takes_calls = takes_calls
        self._pending = ""
        self._reader: JsonCallsReader | None = None
        self._gaps = {Part.TEXT: False, Part.REASONING: False}
        self._has_body = {Part.TEXT: False, Part.REASONING: False}
        self.part = Part.OPENING
        self.is_unmarked = False

    def push(self, text: str) -> None:
        """Take more of the answer's text."""
        self._pending += text
        while self._pending:
            part = self.part
            if part is Part.OPENING:
                self._read_header()
            elif part is Part.CALLS:
                self._read_call()
            else:
                self._read_body()
            if self.part is part:
                return

    def finish(self, *, is_whole: bool) -> None:
        """No more follows."""
        if self._reader is not None:
            reader, self._reader = self._reader, None
            self._collector.add_text(reader.finish(is_whole=is_whole))
        if self.part is Part.REASONING:
            self._add(self._pending)
        elif self._pending.strip():
            self._collector.add_text(self._pending)
        self._pending = ""

    def _read_header(self) -> None:
        begun = self._pending.lstrip()
        if not begun or any(beginning.startswith(begun) for beginning in HEADER_BEGINNINGS):
            return
        end = begun.find(MESSAGE)
        if not begun.startswith(HEADER_BEGINNINGS) or (end < 0 and len(begun) > LONGEST_HEADER):
            self._begin(Part.TEXT)
        elif end >= 0:
            self._pending = begun[end + len(MESSAGE) :]
            self._begin_body(begun[:end])

    def _begin_body(self, header: str) -> None:
        channel = match[1] if (match := _channel.search(header)) else ""
        recipient = match[1] if (match := _recipient.search(header)) else ""
        if recipient and recipient not in _plain_recipients and self._takes_calls:
            name = recipient.removeprefix("functions.")
            self._reader = JsonCallsReader(HARMONY, self._collector, "", name=name)
            self.part = Part.CALLS
        else:
            self._begin(Part.REASONING if channel == "analysis" else Part.TEXT)

    def _begin(self, part: Part) -> None:
        self.part = part
        # Messages of one kind are kept apart by an empty line.
        self._gaps[part] = self._has_body[part]

    def _read_body(self) -> None:
        ends = [(at, end) for end in BODY_ENDS if (at := self._pending.find(end)) >= 0]
        if ends:
            at, end = min(ends)
            self._add(self._pending[:at])
            self._pending = self._pending[at if end in CONTINUED_BY else at + len(end) :]
            self.part = Part.OPENING
            return
        shown = (
            len(self._pending) - held_length(self._pending, BODY_ENDS) if "<" in self._pending else len(self._pending)
        )
        self._add(self._pending[:shown])
        self._pending = self._pending[shown:]

    def _add(self, text: str) -> None:
        if not text:
            return
        if self._gaps[self.part]:
            text = "\n\n" + text
            self._gaps[self.part] = False
        self._has_body[self.part] = True
        if self.part is Part.REASONING:
            self._collector.add_reasoning(text)
        else:
            self._collector.add_text(text)

    def _read_call(self) -> None:
        assert self._reader is not None
        text, self._pending = self._pending, ""
        rest = self._reader.feed(text)
        if rest is not None:
            self._reader = None
            self._pending = rest
            self._begin(Part.TEXT)
