"""Compiles constraints. Called by the preparing thread; nothing here touches MLX."""

import hashlib
import json
import threading
import time
from collections.abc import Collection
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llguidance import LLMatcher

from ..wire.errors import RequestError
from ..wire.frames import JsonConstraint
from .grammar_cache import GrammarCache
from .limits import MAX_GRAMMAR_CHARACTERS, parser_limits
from .matcher import Matcher
from .reasons import TOO_COMPLEX, plain_reason
from .schema import refused, schema_text
from .trial import Trials, TrialUnavailableError
from .vocabulary import UnusableTokenizerError, Vocabulary

if TYPE_CHECKING:
    from mlx_lm.tokenizer_utils import TokenizerWrapper

PRELUDE = '%llguidance {"no_forcing": true}\n'
"""Forced text is not looked for: llguidance would tokenize all of it at every step, 120 ms for 100,000 characters."""

RESPONSE_FORMAT = "response_format"
SUBJECTS = {RESPONSE_FORMAT: "JSON schema", "tools": "JSON schema of a tool's arguments"}
"""What a grammar is made of, by the parameter that it comes from."""


class Grammar:
    """One compiled grammar, for any number of completions."""

    def __init__(self, vocabulary: Vocabulary, start: LLMatcher, compile_seconds: float) -> None:
        self.vocabulary = vocabulary
        self.compile_seconds = compile_seconds
        self.is_usable = True
        """False once a completion met an error in what all of them share."""
        self._start = start

    def start(self) -> Matcher:
        """Begin a completion. Called by any thread."""
        return Matcher(self, self._start.deep_copy())


class GrammarFactory:
    """Compiles the grammars of one model. Called by any thread, one at a time."""

    def __init__(self, tokenizer: "TokenizerWrapper", vocabulary_size: int, end_tokens: Collection[int]) -> None:
        """Take note of the tokenizer; it is indexed by `prepare`, or by the first constraint."""
        self._tokenizer = tokenizer
        self._vocabulary_size = vocabulary_size
        self._end_tokens = end_tokens
        self._cache = GrammarCache()
        self._lock = threading.Lock()

    def prepare(self) -> None:
        """Index the tokenizer now: takes up to 1.5 s, in which no other Python code of this process runs."""
        with self._lock:
            self._indexed(RESPONSE_FORMAT)

    def json(self, constraint: JsonConstraint, param: str = RESPONSE_FORMAT) -> Grammar:
        """The grammar of a JSON value.

        Raises RequestError that names `param` for a schema that is invalid, cannot be enforced, or costs too much.
        """
        schema: dict[str, Any] = {"type": "object"} if constraint.schema is None else constraint.schema
        with self._lock:
            self._indexed(param)
            try:
                key = _key(json.dumps(schema))
            except RecursionError as error:
                raise _refusal(TOO_COMPLEX, param) from error
            if (grammar := self._cached(key, param)) is not None:
                return grammar
            return self._compiled(key, f"start: %json {schema_text(schema, param)}", param)

    def lark(self, text: str, param: str) -> Grammar:
        """The grammar of a text in llguidance's dialect of Lark, in which `<[5]>` is the token with that id.

        Raises RequestError that names `param` for one that is invalid or costs too much. Schemas of clients belong into
        it by `schema_text` only.
        """
        with self._lock:
            self._indexed(param)
            key = _key(text)
            if (grammar := self._cached(key, param)) is not None:
                return grammar
            if len(text) > MAX_GRAMMAR_CHARACTERS:
                raise _refusal(TOO_COMPLEX, param)
            return self._compiled(key, text, param)

    def _indexed(self, param: str) -> Vocabulary:
        try:
            return self._vocabulary
        except UnusableTokenizerError as error:
            message = f"This model's tokenizer cannot be constrained: {error}."
            raise RequestError(message, param) from error

    @cached_property
    def _vocabulary(self) -> Vocabulary:
        return Vocabulary(self._tokenizer, self._vocabulary_size, self._end_tokens)

    @cached_property
    def _trials(self) -> Trials:
        return Trials(self._vocabulary.size, self._vocabulary.special_tokens)

    def _cached(self, key: bytes, param: str) -> Grammar | None:
        if (reason := self._cache.refusal(key)) is not None:
            raise _refusal(reason, param)
        return self._cache.get(key)

    def _compiled(self, key: bytes, text: str, param: str) -> Grammar:
        """Compile a text, if it survives its trial."""
        text = PRELUDE + text
        try:
            error = self._trials.error(text)
        except TrialUnavailableError as failure:
            raise RequestError(f"The constraint could not be tried: {failure}.", param, "internal") from failure
        if not error:
            begun = time.perf_counter()
            start = LLMatcher(self._vocabulary.library, text, log_level=0, limits=parser_limits())
            seconds = time.perf_counter() - begun
            error = start.get_error()
        if error:
            reason = plain_reason(error)
            self._cache.refuse(key, reason)
            raise _refusal(reason, param)
        grammar = Grammar(self._vocabulary, start, seconds)
        self._cache.add(key, grammar)
        return grammar


def _key(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _refusal(reason: str, param: str) -> RequestError:
    if "." in param:
        return refused(reason, param)
    subject = SUBJECTS.get(param, "grammar")
    return RequestError(f"The {subject} cannot be used: {reason}.", param)
