"""Reads tool calls whose arguments are JSON, and hands the arguments on as they come."""

import copy
import re
from enum import Enum, auto

from .call_object import ArgumentsReader, CallObject
from .deltas import Collector
from .markers import held_length
from .syntax import JsonCalls

LEFT_OPEN = re.compile(r"^\s*[\]}]+")
"""Brackets of a list of calls, or too many of them, behind the last call."""


class Step(Enum):
    """How a reader goes on."""

    ON = auto()
    WAIT = auto()
    OVER = auto()


class JsonCallsReader:
    """Calls whose arguments are JSON. Their text streams as it comes, repaired where it needs to be.

    An end marker inside a text of the arguments is a part of that text, unless the arguments cannot be completed with
    it: then the text lacks its quote, and the marker ends the calls.
    """

    def __init__(
        self,
        syntax: JsonCalls,
        collector: Collector,
        written: str,
        *,
        name: str | None = None,
        bare_names: set[str] | None = None,
    ) -> None:
        """Begin behind the marker `written`.

        `name` is that of a call of which only the arguments follow. `bare_names` are the names of the tools where
        nothing marks calls: objects that could be an answer in JSON are not taken for calls.
        """
        self._syntax = syntax
        self._end = syntax.end
        self._stops = syntax.stops or ((syntax.end,) if syntax.end else ())
        # What all of them begin with.
        self._marker = self._stops[0] if len(self._stops) == 1 else "<|" if self._stops else ""
        self._pattern = syntax.first
        self._collector = collector
        self._name = name
        self._bare_names = bare_names
        self._pending = ""
        # What was read and nothing has come of yet.
        self._raw = written
        self._call: CallObject | ArgumentsReader | None = None
        self._is_begun = False
        self._found_any = False
        self._is_stray = False
        # The call as it was at an end marker inside a text, and all that was read since.
        self._trial: CallObject | ArgumentsReader | None = None
        self._read_since: list[str] = []

    def feed(self, text: str) -> str | None:
        """Read on. Returns what follows the calls once they are over, None before."""
        self._pending += text
        while True:
            if self._is_stray:
                step = self._read_stray()
            elif self._call is None:
                step = self._read_between()
            else:
                step = self._read_call(self._call)
            if step is Step.WAIT:
                return None
            if step is Step.OVER:
                return self._pending

    def finish(self, *, is_whole: bool) -> str:
        """No more follows. Returns what follows the calls."""
        if self._trial is not None and is_whole:
            self._end_trial()
            rest = self.feed("")
            return self.finish(is_whole=is_whole) if rest is None else rest
        call, self._call = self._call, None
        text, self._pending = self._pending, ""
        if call is None:
            if is_whole and self._has_no_arguments():
                self._add_empty_call()
            elif not is_whole and not self._collector.takes_text and self._name is not None and not self._found_any:
                self._collector.begin_call(self._name)
            elif not self._found_any or self._is_stray:
                self._collector.add_text(self._raw + text)
            elif not self._stops:
                return LEFT_OPEN.sub("", text)
        elif is_whole:
            self._close(call)
            self._collector.add_text(text)
        elif self._is_begun:
            self._stream(call)
        elif not self._collector.takes_text and call.name:
            # It is certain to be a call, of which nothing but the name has come.
            self._collector.begin_call(call.name)
        else:
            self._collector.add_text(self._raw + "".join(self._read_since) + text)
        return ""

    def _read_between(self) -> Step:
        match = self._pattern.match(self._pending, partial=True)
        if match is None:
            if self._found_any:
                self._pending = LEFT_OPEN.sub("", self._pending)
            return self._give_up()
        if match.partial:
            return Step.WAIT
        groups = match.groupdict()
        if groups.get("end"):
            self._raw += self._pending[: match.end()]
            self._pending = self._pending[match.end() :]
            if self._has_no_arguments():
                self._add_empty_call()
            elif not self._found_any:
                self._collector.add_text(self._raw)
            return Step.OVER
        begins_at = match.start("object") if groups.get("object") else match.end()
        self._raw += self._pending[:begins_at]
        self._pending = self._pending[begins_at:]
        if groups.get("object"):
            self._call = CallObject(only_known=self._bare_names is not None)
        else:
            self._call = ArgumentsReader((groups.get("name") or self._name or "").strip())
        self._is_begun = False
        return Step.ON

    def _read_call(self, call: CallObject | ArgumentsReader) -> Step:
        read = call.feed(self._pending, "" if self._trial else self._marker)
        if self._trial is not None:
            self._read_since.append(self._pending[:read])
        elif not self._is_begun:
            self._raw += self._pending[:read]
        self._pending = self._pending[read:]
        if call.is_complete:
            return self._complete(call)
        if call.is_stuck:
            if self._trial is not None:
                self._end_trial()
                return Step.ON
            self._stream(call)
            if self._pending.startswith(self._stops):
                return self._close(call)
            if any(stop.startswith(self._pending) for stop in self._stops):
                return Step.WAIT
            return self._fail(call)
        if call.at_marker:
            self._stream(call)
            self._trial = copy.deepcopy(call)
            self._read_since.clear()
            return Step.ON
        if self._trial is None:
            self._stream(call)
        return Step.WAIT

    def _stream(self, call: CallObject | ArgumentsReader) -> None:
        arguments = call.take()
        if not arguments or call.name is None:
            return
        if not self._is_begun:
            self._is_begun = True
            self._found_any = True
            self._raw = ""
            self._collector.begin_call(call.name)
        self._collector.add_arguments(arguments)

    def _complete(self, call: CallObject | ArgumentsReader) -> Step:
        """The call is over by its own brackets."""
        trial, self._trial = self._trial, None
        if trial is not None and not self._is_begun:
            self._raw += "".join(self._read_since)
        self._read_since.clear()
        self._call = None
        self._pattern = self._syntax.following
        self._stream(call)
        if self._is_begun:
            self._collector.end_call()
            return Step.ON
        whole = call.result()
        if whole is None or not self._is_certain(call, whole[0]):
            return self._give_up()
        self._collector.add_call(*whole)
        self._found_any = True
        self._raw = ""
        return Step.ON

    def _is_certain(self, call: CallObject | ArgumentsReader, name: str) -> bool:
        """Whether an object is a call and not an answer in JSON."""
        names = self._bare_names
        return names is None or name in names or (isinstance(call, CallObject) and call.has_arguments)

    def _has_no_arguments(self) -> bool:
        """Whether the call of the name that was given ends before anything of its arguments."""
        return self._name is not None and not self._found_any and not self._raw.strip()

    def _add_empty_call(self) -> None:
        assert self._name is not None
        self._collector.add_call(self._name, "{}")
        self._found_any = True

    def _close(self, call: CallObject | ArgumentsReader) -> Step:
        """The calls end before the call's brackets do."""
        left_out = call.close()
        if left_out and not self._is_begun:
            self._call = None
            return self._give_up()
        step = self._complete(call)
        self._collector.add_text(left_out)
        return step

    def _fail(self, call: CallObject | ArgumentsReader) -> Step:
        """The call cannot be read on: what is sent already becomes a whole object, the rest is text."""
        if self._is_begun:
            self._close(call)
        self._call = None
        return self._give_up()

    def _give_up(self) -> Step:
        """What comes is no call."""
        self._collector.add_text(self._raw)
        self._raw = ""
        self._is_stray = self._found_any and bool(self._end)
        return Step.ON if self._is_stray else Step.OVER

    def _read_stray(self) -> Step:
        """Text between calls and their end marker."""
        at = self._pending.find(self._end)
        if at >= 0:
            self._collector.add_text(self._pending[:at])
            self._pending = self._pending[at + len(self._end) :]
            return Step.OVER
        kept = held_length(self._pending, (self._end,))
        self._collector.add_text(self._pending[: len(self._pending) - kept])
        self._pending = self._pending[len(self._pending) - kept :]
        return Step.WAIT

    def _end_trial(self) -> None:
        """Go back to the end marker inside a text: it was the end of the calls."""
        assert self._trial is not None
        self._call, self._trial = self._trial, None
        self._pending = "".join(self._read_since) + self._pending
        self._close(self._call)
