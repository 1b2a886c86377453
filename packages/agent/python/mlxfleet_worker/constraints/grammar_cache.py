"""Compiled grammars, kept because agents send the same schema again and again."""

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .grammar import Grammar

MAX_GRAMMARS = 32
MAX_COMPILE_SECONDS = 2.0
"""Of all together. Nobody tells how much memory a grammar takes; one that compiles in a second takes up to 150 MB."""

MAX_REFUSALS = 256


class GrammarCache:
    """The most recently used grammars, and why others were refused. Not safe for several threads."""

    def __init__(self) -> None:
        self._grammars: OrderedDict[bytes, Grammar] = OrderedDict()
        self._seconds = 0.0
        self._refusals: OrderedDict[bytes, str] = OrderedDict()

    def get(self, key: bytes) -> "Grammar | None":
        """The grammar of this key, if there is one and it can still be used."""
        grammar = self._grammars.get(key)
        if grammar is not None and not grammar.is_usable:
            self._drop(key)
            return None
        if grammar is not None:
            self._grammars.move_to_end(key)
        return grammar

    def add(self, key: bytes, grammar: "Grammar") -> None:
        """Keep a grammar, and let go of old ones that are too many beside it."""
        self._grammars[key] = grammar
        self._seconds += grammar.compile_seconds
        while len(self._grammars) > 1 and (len(self._grammars) > MAX_GRAMMARS or self._seconds > MAX_COMPILE_SECONDS):
            self._drop(next(iter(self._grammars)))

    def refusal(self, key: bytes) -> str | None:
        """Why the grammar of this key was refused, if it was."""
        return self._refusals.get(key)

    def refuse(self, key: bytes, reason: str) -> None:
        """Remember a refusal, so that it costs its second only once."""
        self._refusals[key] = reason
        if len(self._refusals) > MAX_REFUSALS:
            self._refusals.popitem(last=False)

    def _drop(self, key: bytes) -> None:
        self._seconds -= self._grammars.pop(key).compile_seconds
