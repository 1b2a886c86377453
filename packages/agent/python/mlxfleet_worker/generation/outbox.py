"""Step outputs on their way to the agent: at once when steps are slow, gathered when they are quick."""

from typing import Any

from ..wire.replies import ReplyChannel
from .request import Request

HOLD_SECONDS = 0.008
"""How long an output may wait for those of the next steps.

Every frame wakes the agent and then the client, which costs more than a quick decoding step: sent one by one, the
frames of a small model take the processors that the model needs. Nobody sees a delay of 8 ms, and at 125 steps a second
or less, which is where large models are, nothing waits at all.
"""


class Outbox:
    """Holds outputs back for HOLD_SECONDS at most. Of the engine thread; times are `time.perf_counter` seconds."""

    def __init__(self, replies: ReplyChannel) -> None:
        self._replies = replies
        self._held: list[tuple[Request, dict[str, Any]]] = []
        self._urgent = False
        self._sent_at = 0.0
        self._stepped_at = 0.0

    def add(self, request: Request, output: dict[str, Any]) -> None:
        """Take an output. The first and the last of a request wait for nothing."""
        self._held.append((request, output))
        if request.completion_tokens == 1 or "finish" in output:
            self._urgent = True

    def step_ended(self, now: float, *, next_is_slow: bool) -> None:
        """Send what is held, unless the next step is expected to end in time."""
        step_seconds = now - self._stepped_at
        self._stepped_at = now
        if self._urgent or next_is_slow or now + step_seconds - self._sent_at > HOLD_SECONDS:
            self.flush()
            self._sent_at = now

    def flush(self) -> None:
        """Send what is held, without the outputs of requests that were cancelled meanwhile."""
        outputs = [output for request, output in self._held if not request.cancelled]
        self._held.clear()
        self._urgent = False
        if outputs:
            self._replies.send({"type": "step", "outputs": outputs})
