"""How fast a machine turns out to be. Pure, no MLX."""

LARGEST_CHANGE = 4.0
"""One measurement may change an estimate by this factor at most: a machine that paused is not a slow one."""
SHORTEST_SECONDS = 1e-6
"""Clocks of some machines tick more slowly than short work takes."""


class SpeedEstimate:
    """Tokens per second, as the mean of what was known and what was measured last."""

    def __init__(self) -> None:
        self._tokens_per_second: float | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """None before the first measurement."""
        return self._tokens_per_second

    def record(self, tokens: int, seconds: float) -> None:
        """Learn from work that is done."""
        rate = tokens / max(seconds, SHORTEST_SECONDS)
        known = self._tokens_per_second
        if known is not None:
            rate = (known + min(max(rate, known / LARGEST_CHANGE), known * LARGEST_CHANGE)) / 2
        self._tokens_per_second = rate
