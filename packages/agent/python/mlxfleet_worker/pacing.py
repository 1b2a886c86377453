"""How many prompt tokens to process between two looks at the inbox."""

IDLE_TOKENS = 2048
DECODING_TOKENS = 512
UNMEASURED_TOKENS = 64
IDLE_SECONDS = 1.0
DECODING_SECONDS = 0.25
MINIMUM_CHUNK = 4
MEASURABLE_TOKENS = 32
"""Shorter prefills say more about fixed costs than about speed."""


class PrefillPacer:
    """Chooses the prefill chunk: large when nothing decodes, small while other streams wait for their next token.

    A chunk is also bounded by the time it takes at the measured speed, so that a slow machine still notices a cancel.
    """

    def __init__(self) -> None:
        self._tokens_per_second: float | None = None

    def chunk(self, *, prompts: int, decoding: bool) -> int:
        """Tokens of each of `prompts` prompts to process in the next step; a power of two."""
        total = DECODING_TOKENS if decoding else IDLE_TOKENS
        if self._tokens_per_second is None:
            total = min(total, UNMEASURED_TOKENS)
        else:
            total = min(total, int(self._tokens_per_second * (DECODING_SECONDS if decoding else IDLE_SECONDS)))
        each = max(total // max(prompts, 1), MINIMUM_CHUNK)
        return 1 << (each.bit_length() - 1)

    def record(self, tokens: int, seconds: float) -> None:
        """Learn from one prefill step."""
        if tokens < MEASURABLE_TOKENS or seconds <= 0:
            return
        rate = tokens / seconds
        self._tokens_per_second = rate if self._tokens_per_second is None else (self._tokens_per_second + rate) / 2
