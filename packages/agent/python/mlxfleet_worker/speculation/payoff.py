"""Whether speculation pays: measured while it runs, without a clock of its own."""

from dataclasses import dataclass, field

SMOOTHING = 0.2
"""Weight of the newest measurement."""
TRIAL_STEPS = 4
"""A mode that is not in use is tried for so many steps in a row: the first one pays for the change."""
FIRST_PAUSE = 32
LONGEST_PAUSE = 1024
"""Steps between trials; a trial that loses doubles the pause, so that a text without repetitions costs nothing."""


@dataclass(slots=True)
class Payoff:
    """Compares tokens a second with and without speculation, and chooses the better."""

    _rates: dict[bool, float] = field(default_factory=dict)
    _favoured: bool = True
    _until_trial: int = FIRST_PAUSE
    _pause: int = FIRST_PAUSE
    _trial: int = 0

    def choose(self) -> bool:
        """Whether the next step should speculate."""
        if self._trial:
            return not self._favoured
        if self._until_trial <= 0:
            self._trial = TRIAL_STEPS
            return not self._favoured
        return self._favoured

    def record(self, *, speculated: bool, tokens: int, seconds: float) -> None:
        """Learn from one step that gave so many tokens."""
        if seconds <= 0:
            return
        rate = tokens / seconds
        known = self._rates.get(speculated)
        self._rates[speculated] = rate if known is None else known + SMOOTHING * (rate - known)
        if speculated is self._favoured:
            self._until_trial -= 1
        elif self._trial:
            self._trial -= 1
            if self._trial == 0:
                self._judge()

    def _judge(self) -> None:
        other = not self._favoured
        if self._rates[other] > self._rates.get(self._favoured, 0.0):
            self._favoured = other
            self._pause = FIRST_PAUSE
        else:
            self._pause = min(self._pause * 2, LONGEST_PAUSE)
        # The next trial starts from what it sees, not from what was true long ago.
        self._rates.pop(not self._favoured, None)
        self._until_trial = self._pause
