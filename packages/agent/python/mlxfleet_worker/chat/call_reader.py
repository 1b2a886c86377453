"""What readers of tool calls have in common."""

from typing import Protocol


class CallReader(Protocol):
    """Reads the calls behind one marker. What turns out to be no call is collected as text, as it was written."""

    def feed(self, text: str) -> str | None:
        """Read on. Returns what follows the calls once they are over, None before."""

    def finish(self, *, is_whole: bool) -> str:
        """No more follows; `is_whole` is false where the answer was cut. Returns what follows the calls."""
