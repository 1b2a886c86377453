"""Log-probabilities of the tokens that were drawn, and of those that could have been."""

from typing import NamedTuple

import mlx.core as mx


class Alternative(NamedTuple):
    """One token with the natural logarithm of its probability."""

    token: int
    logprob: float


class StepLogprobs:
    """What the rows that asked learn of one step. Computed with the step, read when its tokens are handed out."""

    def __init__(self, logprobs: mx.array, drawn: mx.array, rows: list[tuple[int, int]]) -> None:
        """Take the step's `logprobs` [rows, vocabulary], its tokens [rows], and who asked for how many alternatives."""
        wanted = mx.array([row for row, _ in rows])
        own = logprobs[wanted]
        self._counts = [count for _, count in rows]
        self._tokens = drawn[wanted]
        self._chosen = mx.take_along_axis(own, self._tokens[:, None].astype(mx.int32), axis=-1)[:, 0]
        most = min(max(self._counts), own.shape[-1])
        self._top_tokens = mx.argpartition(-own, kth=most - 1, axis=-1)[:, :most] if most else None
        self._top = mx.take_along_axis(own, self._top_tokens, axis=-1) if self._top_tokens is not None else None
        self._rows: list[tuple[float, list[Alternative]]] | None = None
        mx.async_eval(self._chosen, *(each for each in (self._top_tokens, self._top) if each is not None))

    def row(self, place: int) -> tuple[float, list[Alternative]]:
        """The drawn token's log-probability and the alternatives, likeliest first, of the row at this place."""
        if self._rows is None:
            self._rows = self._read()
        return self._rows[place]

    def _read(self) -> list[tuple[float, list[Alternative]]]:
        chosen = self._chosen.tolist()
        if self._top_tokens is None or self._top is None:
            return [(logprob, []) for logprob in chosen]
        rows = []
        for logprob, count, tokens, values in zip(
            chosen, self._counts, self._top_tokens.tolist(), self._top.tolist(), strict=True
        ):
            alternatives = sorted(map(Alternative, tokens, values), key=lambda each: (-each.logprob, each.token))
            rows.append((logprob, alternatives[:count]))
        return rows


class TokenLogprobs(NamedTuple):
    """One row's share of a step."""

    step: StepLogprobs
    place: int

    def read(self) -> tuple[float, list[Alternative]]:
        """The drawn token's log-probability and the alternatives, likeliest first. Waits for the step."""
        return self.step.row(self.place)
