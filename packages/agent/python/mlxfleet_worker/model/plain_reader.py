"""Reads a completion that is nothing but text."""

from ..chat.deltas import AnswerDelta
from ..tokens.detokenizer import Detokenizer


class PlainReader:
    """One completion of a plain prompt: what looks like reasoning or a call is text like any other."""

    is_finished = False
    has_calls = False
    is_in_text = True
    is_undecided = False
    reasoning_tokens = 0

    def __init__(self, detokenizer: Detokenizer, hidden_tokens: frozenset[int]) -> None:
        """`hidden_tokens` have no text of their own, such as the end-of-sequence token."""
        self._detokenizer = detokenizer
        self._hidden = hidden_tokens

    def take(self, token: int) -> AnswerDelta:
        """The text that is complete with this token."""
        return AnswerDelta("" if token in self._hidden else self._detokenizer.add(token))

    def finish(self, *, is_whole: bool = True) -> AnswerDelta:  # noqa: ARG002  (the interface of AnswerReader)
        """The rest."""
        return AnswerDelta(self._detokenizer.finish())
