"""What an answer is made of, piece by piece."""

import secrets
from dataclasses import dataclass, field
from typing import Any


@dataclass(slots=True)
class ToolCallDelta:
    """A part of a tool call; the first part of each call has its id and its name, the parts' arguments are joined."""

    index: int
    id: str | None = None
    name: str | None = None
    arguments: str = ""

    def to_frame(self) -> dict[str, Any]:
        """The wire's form: without what is None."""
        if self.id is None:
            return {"index": self.index, "arguments": self.arguments}
        return {"index": self.index, "id": self.id, "name": self.name, "arguments": self.arguments}


@dataclass(slots=True)
class AnswerDelta:
    """What is new in an answer."""

    text: str = ""
    reasoning: str = ""
    tool_calls: list[ToolCallDelta] = field(default_factory=list)


class Collector:
    """Where the readers of an answer put what they found, until it is taken away."""

    def __init__(self, *, parallel: bool, takes_text: bool = True) -> None:
        """Take calls: as many as come with `parallel`, only the first without.

        Without `takes_text` nothing is visible text, because a call has to come.
        """
        self._parallel = parallel
        self.takes_text = takes_text
        self._delta = AnswerDelta()
        self.calls = 0
        self.has_text = False
        self.is_closed = False
        """Whether the one call that is allowed is complete: what follows is nobody's."""

    def take(self) -> AnswerDelta:
        """What has come since the last time."""
        delta, self._delta = self._delta, AnswerDelta()
        return delta

    def add_text(self, text: str) -> None:
        """Visible text."""
        if text and self.takes_text and not self.is_closed:
            self._delta.text += text
            self.has_text = True

    def add_reasoning(self, text: str) -> None:
        """Text of the reasoning."""
        self._delta.reasoning += text

    def begin_call(self, name: str) -> None:
        """A call whose arguments follow."""
        if self.is_closed:
            return
        self._delta.tool_calls.append(ToolCallDelta(self.calls, f"call_{secrets.token_hex(12)}", name))
        self.calls += 1

    def add_arguments(self, arguments: str) -> None:
        """A part of the arguments of the call that began last."""
        if not arguments or self.is_closed:
            return
        deltas = self._delta.tool_calls
        if not deltas or deltas[-1].index != self.calls - 1:
            deltas.append(ToolCallDelta(self.calls - 1))
        deltas[-1].arguments += arguments

    def end_call(self) -> None:
        """The call that began last is complete."""
        self.is_closed = not self._parallel

    def add_call(self, name: str, arguments: str) -> None:
        """A whole call."""
        self.begin_call(name)
        self.add_arguments(arguments)
        self.end_call()
