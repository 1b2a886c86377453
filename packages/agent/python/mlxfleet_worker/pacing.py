"""How many prompt tokens to process between two looks at the inbox."""

from .speed import LARGEST_CHANGE, SpeedEstimate

IDLE_TOKENS = 2048
DECODING_TOKENS = 512
UNMEASURED_TOKENS = 64
IDLE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 0.25
"""Other streams never wait longer for a chunk, however slow their own steps are."""
SHORTEST_PAUSE_SECONDS = 0.01
"""Nobody sees a pause of 10 ms, and shorter chunks would be spent on the fixed costs of a forward pass."""
PAUSE_PER_STEP = 1.5
"""A chunk beside decoding takes so many decoding steps: with the step itself, streams keep two fifths of their pace."""
MINIMUM_CHUNK = 4
MEASURABLE_TOKENS = 16
"""Shorter prefills say more about fixed costs than about speed."""


class PrefillPacer:
    """Chooses the prefill chunk: large when nothing decodes, small while other streams wait for their next token.

    A chunk is also bounded by the time it takes at the measured speed, so that a slow machine still notices a cancel.
    """

    def __init__(self) -> None:
        self._speed = SpeedEstimate()
        self._step_seconds: float | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """The measured speed of prefill; None before the first measurement."""
        return self._speed.tokens_per_second

    def chunk(self, *, prompts: int, decoding: bool) -> int:
        """Tokens of each of `prompts` prompts to process in the next step."""
        total = DECODING_TOKENS if decoding else IDLE_TOKENS
        if self.tokens_per_second is None:
            total = min(total, UNMEASURED_TOKENS)
        else:
            total = min(total, int(self.tokens_per_second * (self._pause() if decoding else IDLE_SECONDS)))
        return _round(max(total // max(prompts, 1), MINIMUM_CHUNK))

    def record(self, tokens: int, seconds: float) -> None:
        """Learn from one prefill step."""
        if tokens >= MEASURABLE_TOKENS:
            self._speed.record(tokens, seconds)

    def record_step(self, seconds: float) -> None:
        """Learn from one decoding step without prefill beside it."""
        known = self._step_seconds
        self._step_seconds = seconds if known is None else known + (min(seconds, known * LARGEST_CHANGE) - known) / 8

    def _pause(self) -> float:
        if self._step_seconds is None:
            return LONGEST_PAUSE_SECONDS
        return min(max(self._step_seconds * PAUSE_PER_STEP, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)


def _round(tokens: int) -> int:
    """A multiple of 16, or a power of two below: kernels like round sizes."""
    return tokens // 16 * 16 if tokens >= 16 else 1 << (tokens.bit_length() - 1)
