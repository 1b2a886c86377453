"""How many prompt tokens to process between two looks at the inbox."""

from .prefill_cost import Pass, PrefillCost

IDLE_TOKENS = 2048
DECODING_TOKENS = 512
UNMEASURED_TOKENS = 64
IDLE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 0.25
"""Other streams never wait longer for a chunk, however slow their own steps are."""
SHORTEST_PAUSE_SECONDS = 0.01
"""Nobody sees a pause of 10 ms."""
WHOLE_SECONDS = 0.03
"""Prompts that take no longer are computed in one pass: one such pause is better than three shorter ones."""
PAUSE_PER_STEP = 1.5
"""A chunk beside decoding takes so many decoding steps: with the step itself, streams keep two fifths of their pace."""
LONGEST_SHARED_PAUSE_SECONDS = 0.1
"""Where several wait for what is done in a pause: streams still go on ten times a second."""
MINIMUM_CHUNK = 4
LARGEST_REST = 1.5
"""A chunk may grow by half so as to be the last."""
LARGEST_CHANGE = 4.0
"""A decoding step counts as no more than this many times what was expected: a machine that paused is not a slow one."""


class PrefillPacer:
    """Chooses the prefill chunk: large when nothing decodes, small while other streams wait for their next token.

    A chunk is also bounded by the time it takes at the measured speed, so that a slow machine still notices a cancel.
    """

    def __init__(self) -> None:
        self._cost = PrefillCost()
        self._step_seconds: float | None = None

    @property
    def tokens_per_second(self) -> float | None:
        """The measured speed of a long prompt's prefill; None before the first measurement."""
        if not self._cost.is_known:
            return None
        return 1 / (self._cost.token_seconds + self._cost.fixed_seconds / IDLE_TOKENS)

    def pause(self, waiting: int = 1) -> float:
        """Seconds that other work, for so many requests that wait for it, may take between two decoding steps.

        Where many wait, few decode, and a step for few costs almost what one for all does: longer pauses bring all on.
        """
        if self._step_seconds is None:
            return LONGEST_PAUSE_SECONDS
        single = min(max(self._step_seconds * PAUSE_PER_STEP, SHORTEST_PAUSE_SECONDS), LONGEST_PAUSE_SECONDS)
        return max(single, min(single * waiting, LONGEST_SHARED_PAUSE_SECONDS))

    def chunk(self, *, prompts: int, longest: int, decoding: bool) -> int:
        """Tokens of each of `prompts` prompts to process in the next step; the longest has `longest` tokens left.

        A small rest is not left for another step, which costs as much again as any pass does.
        """
        if not self._cost.is_known:
            total = float(UNMEASURED_TOKENS)
        elif decoding:
            total = self._beside_decoding(prompts * longest)
        else:
            total = min(self._within(IDLE_SECONDS), IDLE_TOKENS)
        each = max(int(total) // max(prompts, 1), MINIMUM_CHUNK)
        return longest if each <= longest <= each * LARGEST_REST else _round(each)

    def calibrate(self, first: Pass, second: Pass) -> None:
        """Learn from two passes of different sizes over an empty context."""
        self._cost.calibrate(first, second)

    def record(self, tokens: int, seconds: float, *, continues: bool) -> None:
        """Learn from one prefill step. `continues` when it is over the same prompts as the one before."""
        self._cost.record(tokens, seconds, continues=continues)

    def record_step(self, seconds: float) -> None:
        """Learn from one decoding step without prefill beside it."""
        known = self._step_seconds
        self._step_seconds = seconds if known is None else known + (min(seconds, known * LARGEST_CHANGE) - known) / 8

    def _beside_decoding(self, tokens: int) -> float:
        """Of so many tokens what the pause has time for, and no less than what takes as long as the pass itself costs.

        Smaller chunks would make others wait almost as long, and more often.
        """
        if tokens <= self._within(WHOLE_SECONDS):
            return tokens
        within_pause = min(self._within(self.pause()), DECODING_TOKENS)
        as_long_as_a_pass = min(self._cost.fixed_seconds / self._cost.token_seconds, IDLE_TOKENS)
        return min(max(within_pause, as_long_as_a_pass), self._within(LONGEST_PAUSE_SECONDS))

    def _within(self, seconds: float) -> float:
        return max(seconds - self._cost.fixed_seconds, 0) / self._cost.token_seconds


def _round(tokens: int) -> int:
    """A multiple of 16, or a power of two below: kernels like round sizes."""
    return tokens // 16 * 16 if tokens >= 16 else 1 << (tokens.bit_length() - 1)
