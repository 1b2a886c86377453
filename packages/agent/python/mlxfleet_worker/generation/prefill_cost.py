"""What a pass over prompt tokens costs: something for each pass, and something for each token. Pure, no MLX."""

from collections import deque
from statistics import median
from typing import NamedTuple

RECENT_PASSES = 5
RECENT_PAIRS = 5
CALIBRATION_PAIRS = 3
"""How many pairs the one at the load counts for."""
LEAST_DIFFERENCE = 0.25
"""Two passes tell what a pass costs by itself when their sizes differ by this share of the larger."""
CHEAPEST_SHARE = 0.01
"""A token costs at least this share of what it would if a pass itself cost nothing, whatever noise says."""


class Pass(NamedTuple):
    """One pass that was measured."""

    tokens: int
    seconds: float


class PrefillCost:
    """What a pass costs by itself is told by two in a row over the same prompts, what a token costs by the latest ones.

    On a GPU a pass over ten tokens takes as long as one over a hundred: seconds for each token alone would make such a
    machine look slow after a short prompt, and the next pass even shorter. Passes that are further apart have contexts
    of different lengths: what a longer context costs would look like a cost of each pass, and the next would be larger.

    Both are medians, the tokens' weighted by their number: machines pause.
    """

    def __init__(self) -> None:
        self._fixed: deque[float] = deque(maxlen=RECENT_PAIRS)
        self._recent: deque[Pass] = deque(maxlen=RECENT_PASSES)

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return bool(self._recent)

    @property
    def fixed_seconds(self) -> float:
        """For each pass."""
        return median(self._fixed) if self._fixed else 0.0

    @property
    def token_seconds(self) -> float:
        """For each token, at the contexts that there are of late."""
        fixed = self.fixed_seconds
        costs = sorted((_token_seconds(each, fixed), each.tokens) for each in self._recent)
        half = sum(tokens for _, tokens in costs) / 2
        for seconds, tokens in costs:
            half -= tokens
            if half <= 0:
                return seconds
        raise ValueError("nothing was measured")

    def calibrate(self, first: Pass, second: Pass) -> None:
        """Learn from two passes of different sizes over an empty context."""
        self._fixed.extend([_fixed_seconds(first, second)] * CALIBRATION_PAIRS)
        self._recent.extend((first, second))

    def record(self, tokens: int, seconds: float, *, continues: bool) -> None:
        """Learn from a pass. `continues` when it is over the same prompts as the one before."""
        if tokens <= 0 or seconds <= 0:
            return
        done = Pass(tokens, seconds)
        if continues and self._recent:
            before = self._recent[-1]
            if abs(done.tokens - before.tokens) >= LEAST_DIFFERENCE * max(done.tokens, before.tokens):
                self._fixed.append(_fixed_seconds(before, done))
        self._recent.append(done)


def _fixed_seconds(first: Pass, second: Pass) -> float:
    """What is left at no tokens, and no more than either took."""
    each = (second.seconds - first.seconds) / (second.tokens - first.tokens)
    return min(max(first.seconds - max(each, 0) * first.tokens, 0), first.seconds, second.seconds)


def _token_seconds(each: Pass, fixed: float) -> float:
    return max(each.seconds - fixed, each.seconds * CHEAPEST_SHARE) / each.tokens
