"""Who guesses the next tokens for the model to check."""

from pathlib import Path
from typing import Protocol

import mlx.core as mx
from mlx_lm import load
from mlx_lm.models.cache import can_trim_prompt_cache, make_prompt_cache, trim_prompt_cache
from mlx_lm.tokenizer_utils import TokenizerWrapper

from ..tokens.common_length import common_length
from ..wire.errors import ModelSettingsError

LONGEST_MATCH = 4
SHORTEST_MATCH = 2
"""A single token repeats too often to say what follows it."""
LONGEST_CATCH_UP = 2048
"""Tokens that a draft model reads at most before it guesses: more would cost what the guesses save."""


class Drafter(Protocol):
    """Guesses how a text goes on."""

    def draft(self, tokens: list[int], count: int) -> list[int]:
        """At most `count` tokens that may follow `tokens`; empty when there is no idea. The list only ever grows."""


class PromptLookup:
    """Finds the last tokens earlier in the same text and proposes what followed there (Saxena, prompt lookup decoding).

    The places of all short sequences are indexed as the text grows, so that a guess costs the same at any length.
    """

    def __init__(self) -> None:
        self._text: list[int] | None = None
        self._indexed = 0
        self._places: dict[tuple[int, ...], int] = {}
        """A sequence's tokens to the index after its last occurrence but the one at the end."""

    def draft(self, tokens: list[int], count: int) -> list[int]:
        """The tokens after the latest earlier place of the longest sequence that ends the text."""
        self._index(tokens)
        for length in range(min(LONGEST_MATCH, len(tokens) - 1), SHORTEST_MATCH - 1, -1):
            place = self._places.get(tuple(tokens[-length:]))
            if place is not None:
                return tokens[place : place + count]
        return []

    def _index(self, tokens: list[int]) -> None:
        if tokens is not self._text or len(tokens) < self._indexed:
            self._text, self._indexed, self._places = tokens, 0, {}
        for end in range(max(self._indexed, SHORTEST_MATCH), len(tokens)):
            for length in range(SHORTEST_MATCH, min(LONGEST_MATCH, end) + 1):
                self._places[tuple(tokens[end - length : end])] = end
        self._indexed = max(self._indexed, len(tokens))


class DraftModel:
    """A small model with the same vocabulary, decoding greedily."""

    def __init__(self, path: str, tokenizer: TokenizerWrapper) -> None:
        """Load the folder. Raises ModelSettingsError when its vocabulary is another one or its cache cannot go back."""
        if not (Path(path) / "config.json").is_file():
            raise FileNotFoundError(f"{path} holds no config.json")
        self._model, own = load(path)
        if own.get_vocab() != tokenizer.get_vocab():
            raise ModelSettingsError("The draft model has another vocabulary than the model.")
        self._cache = make_prompt_cache(self._model)
        if not can_trim_prompt_cache(self._cache):
            raise ModelSettingsError("The draft model has a cache that cannot go back; it cannot be used for drafting.")
        self._read: list[int] = []

    def draft(self, tokens: list[int], count: int) -> list[int]:
        """`count` tokens; none when the text is too far ahead of what the draft model has read."""
        if not can_trim_prompt_cache(self._cache):
            self._cache, self._read = make_prompt_cache(self._model), []
        shared = min(common_length(self._read, tokens), len(tokens) - 1)
        if len(tokens) - shared > LONGEST_CATCH_UP:
            return []
        trim_prompt_cache(self._cache, len(self._read) - shared)
        drafted: list[int] = []
        unread = tokens[shared:]
        self._read = tokens[:shared]
        for _ in range(count):
            logits = self._model(mx.array([unread]), cache=self._cache)
            self._read += unread
            drafted.append(int(mx.argmax(logits[0, -1]).item()))
            unread = drafted[-1:]
        return drafted
