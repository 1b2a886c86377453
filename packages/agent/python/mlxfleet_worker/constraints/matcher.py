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

    __slots__ = ("_grammar", "failure", "library")

    def __init__(self, grammar: "Grammar", library: LLMatcher) -> None:
        self._grammar = grammar
        self.library = library
        self.failure: RequestError | None = None
        """Why this completion cannot go on; kind `internal`."""

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens that the grammar is about."""
        return self._grammar.vocabulary

    @property
    def is_accepting(self) -> bool:
        """Whether the text so far is all that the grammar asks for; more of it may be allowed."""
        return self.failure is None and self.library.is_accepting()

    def advance(self, token: int) -> None:
        """Take the token that came. One that is not allowed is a failure."""
        if self.failure is None and not self.library.consume_token(token):
            self.check()

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
