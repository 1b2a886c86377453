"""Where one completion stands in its grammar."""

from typing import TYPE_CHECKING

from llguidance import LLMatcher

from ..wire.errors import RequestError
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from .grammar import Grammar


class Matcher:
    """Follows one completion, token by token. For one thread at a time.

    Nothing here raises while a batch is decoded: what goes wrong is kept as `failure`, for the engine to end this one
    request with. A matcher that failed allows every token.
    """

    __slots__ = ("_ends", "_grammar", "_tokens", "failure", "library")

    def __init__(self, grammar: "Grammar", library: LLMatcher) -> None:
        self._grammar = grammar
        self.library = library
        self.failure: RequestError | None = None
        """Why this completion cannot go on; kind `internal`."""
        self._tokens = 0
        self._ends = 0
        """Ends of sequence after the grammar's own end, which llguidance takes but does not count."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens that the grammar is about."""
        return self._grammar.vocabulary

    @property
    def is_complete(self) -> bool:
        """Whether nothing but the end of the sequence may follow."""
        return self.failure is None and self.library.is_stopped()

    @property
    def is_accepting(self) -> bool:
        """Whether the text so far is all that the grammar asks for; more of it may be allowed."""
        return self.failure is None and self.library.is_accepting()

    def advance(self, token: int) -> None:
        """Take the token that came. One that is not allowed is a failure."""
        if self.failure is not None:
            return
        is_extra_end = self.library.is_stopped() and token in self.vocabulary.end_tokens
        if not self.library.consume_token(token):
            self.check()
            return
        if is_extra_end:
            self._ends += 1
        else:
            self._tokens += 1

    def count_allowed(self, tokens: list[int]) -> int:
        """How many of these tokens may follow one after the other. Takes none of them."""
        if self.failure is not None:
            return len(tokens)
        allowed = self.library.validate_tokens(tokens)
        self.check()
        return allowed

    def rollback(self, tokens: int) -> None:
        """Take back the last tokens. Raises ValueError for more than there were."""
        if not 0 <= tokens <= self._tokens + self._ends:
            raise ValueError(f"{tokens} tokens cannot be taken back from {self._tokens + self._ends}")
        if self.failure is not None:
            return
        ends = min(tokens, self._ends)
        self._ends -= ends
        self._tokens -= tokens - ends
        if not self.library.rollback(tokens - ends):
            self.check()

    def clone(self) -> "Matcher":
        """A matcher that stands in the same place and goes on by itself."""
        copy = Matcher(self._grammar, self.library.deep_copy())
        copy.failure = self.failure
        copy._tokens, copy._ends = self._tokens, self._ends
        return copy

    def check(self) -> None:
        """Note an error that llguidance met."""
        if self.library.is_error():
            # All completions of a grammar share its lexer, and with it whatever filled or broke it.
            self._grammar.is_usable = False
            self.fail(self.library.get_error().partition("\n")[0][:200])

    def fail(self, reason: str) -> None:
        """Give this completion up; the first reason stays."""
        if self.failure is None:
            self.failure = RequestError(f"The constraint on this completion failed: {reason}.", None, "internal")
