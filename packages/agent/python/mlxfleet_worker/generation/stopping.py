"""Stop texts: where a completion ends, and which text must wait because it may become one."""


class StopTexts:
    """Watches one completion for any of some texts, however tokens cut them."""

    def __init__(self, texts: list[str]) -> None:
        self._texts = texts
        self._longest = max(map(len, texts), default=0)
        self._held = ""

    def push(self, text: str) -> tuple[str, str | None]:
        """Take new text; return what may be shown and the stop text that is complete, if one is.

        The stop text that completes first counts, and nothing from its start on is ever shown.
        """
        pending = self._held + text
        matches = [(start + len(stop), start, stop) for stop in self._texts if (start := pending.find(stop)) >= 0]
        if matches:
            self._held = ""
            _, start, stop = min(matches)
            return pending[:start], stop
        keep = self._possible_start(pending)
        self._held = pending[len(pending) - keep :]
        return pending[: len(pending) - keep], None

    def finish(self) -> str:
        """The text still held back, once no more can follow."""
        held, self._held = self._held, ""
        return held

    def _possible_start(self, pending: str) -> int:
        """Length of the longest end of `pending` that begins a stop text."""
        for length in range(min(self._longest - 1, len(pending)), 0, -1):
            tail = pending[-length:]
            if any(stop.startswith(tail) for stop in self._texts):
                return length
        return 0
