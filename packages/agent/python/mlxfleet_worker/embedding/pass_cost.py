"""What a forward pass costs: something for each pass, and something for each token. Pure, no MLX."""

HALF_LIFE_PASSES = 7
"""After so many passes a measurement counts half."""
LARGEST_CHANGE = 4.0
"""A pass counts as no more than this many times what was expected: a machine that paused is not a slow one."""
LEAST_SPREAD = 0.25
"""Sizes have to differ by this share of their mean before the two costs can be told apart."""


class PassCost:
    """Least squares of seconds over tokens, older passes with less weight.

    On a GPU a pass over ten tokens takes as long as one over a hundred. Seconds for each token alone would make such a
    machine look slow after a short input, and the next pass even shorter. Inputs have no context that grows, so the
    two costs can be told apart while serving.
    """

    def __init__(self) -> None:
        self._decay = 0.5 ** (1 / HALF_LIFE_PASSES)
        self._weight = 0.0
        self._tokens = 0.0
        self._seconds = 0.0
        self._tokens_squared = 0.0
        self._tokens_seconds = 0.0

    @property
    def is_known(self) -> bool:
        """Whether anything was measured."""
        return self._weight > 0

    @property
    def mean_tokens(self) -> float:
        """The usual size of a pass."""
        return self._tokens / self._weight

    @property
    def is_separable(self) -> bool:
        """Whether passes of different sizes were seen, so that `costs` tells both parts."""
        return self.is_known and self._spread() >= (LEAST_SPREAD * self.mean_tokens) ** 2

    def costs(self) -> tuple[float, float]:
        """Seconds for each pass, and for each token; all of it is put down to the tokens while that is not known."""
        mean_seconds = self._seconds / self._weight
        plain = mean_seconds / self.mean_tokens
        if not self.is_separable:
            return 0.0, plain
        slope = (self._tokens_seconds / self._weight - self.mean_tokens * mean_seconds) / self._spread()
        # A token costs something, and a pass costs nothing less than nothing, whatever noise says.
        each = min(max(slope, plain / 100), plain)
        return mean_seconds - each * self.mean_tokens, each

    def record(self, tokens: int, seconds: float) -> None:
        """Learn from one pass."""
        if tokens <= 0 or seconds <= 0:
            return
        if self.is_known:
            fixed, each = self.costs()
            seconds = min(seconds, LARGEST_CHANGE * (fixed + each * tokens))
        decay = self._decay
        self._weight = self._weight * decay + 1
        self._tokens = self._tokens * decay + tokens
        self._seconds = self._seconds * decay + seconds
        self._tokens_squared = self._tokens_squared * decay + tokens * tokens
        self._tokens_seconds = self._tokens_seconds * decay + tokens * seconds

    def _spread(self) -> float:
        return max(self._tokens_squared / self._weight - self.mean_tokens**2, 0.0)
