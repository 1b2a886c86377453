"""A model's tokens as llguidance sees them."""

from collections.abc import Collection, Sequence
from copy import copy
from functools import cached_property
from typing import Any

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

BITS = 32
"""Tokens in one word of a mask."""


class UnusableTokenizerError(Exception):
    """The tokenizer's tokens have no known bytes, or it has no token that ends a sequence."""


class Vocabulary:
    """llguidance's tokenizer and what is known of the tokens. Read by any thread.

    `size` is the number of tokens that a mask covers: the model's, or the tokenizer's where that has more. Tokens that
    pad the model's vocabulary are in no mask.
    """

    def __init__(self, tokenizer: Any, vocabulary_size: int, end_tokens: Collection[int]) -> None:
        """Index the tokens: 0.4 s for 49,000, 1.5 s and 100 MB for 152,000, while which no other Python code runs.

        Raises UnusableTokenizerError.
        """
        backend = copy(getattr(tokenizer, "backend_tokenizer", None))
        if backend is None:
            raise UnusableTokenizerError("it is not one of the tokenizers library's")
        backend.no_padding()
        backend.no_truncation()
        known = backend.get_vocab_size(with_added_tokens=True)
        self.end_tokens = sorted(token for token in end_tokens if 0 <= token < known)
        if not self.end_tokens:
            raise UnusableTokenizerError("no token ends a sequence")
        self.model_size = vocabulary_size
        self.size = max(vocabulary_size, known)
        self._backend = backend
        try:
            self.library = LLTokenizer(backend.to_str(), n_vocab=self.size, eos_token=self.end_tokens)
        except BaseException as error:  # A panic is no Exception.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise UnusableTokenizerError(str(error)) from error

    @property
    def words(self) -> int:
        """The length of a mask in words of 32 bits."""
        return -(-self.size // BITS)

    @cached_property
    def tokens(self) -> dict[int, str]:
        """The name of each token that there is."""
        return {token: name for name, token in self._backend.get_vocab(with_added_tokens=True).items()}

    @cached_property
    def special_tokens(self) -> dict[int, str]:
        """Tokens that no text in a grammar stands for, with their names."""
        return {token: name for token, name in self.tokens.items() if self.library.is_special_token(token)}

    @cached_property
    def ordinary_end_bits(self) -> NDArray[np.uint32] | None:
        """A mask of the end tokens that are ordinary text as well, or None as in nearly all models."""
        return self._bits([token for token in self.end_tokens if not self.library.is_special_token(token)])

    @cached_property
    def missing_bits(self) -> NDArray[np.uint32] | None:
        """A mask of the tokens that the tokenizer has and the model has not, or None as in nearly all models."""
        return self._bits(range(self.model_size, self.size))

    def _bits(self, tokens: Sequence[int]) -> NDArray[np.uint32] | None:
        if not tokens:
            return None
        bits = np.zeros(self.words, dtype=np.uint32)
        for token in tokens:
            bits[token // BITS] |= np.uint32(1 << token % BITS)
        return bits


def token_set(tokens: Sequence[int]) -> str:
    """Any one of these tokens, in the syntax of grammars: `<[1-3,7]>`. There has to be one."""
    ranges: list[list[int]] = []
    for token in sorted(tokens):
        if ranges and ranges[-1][1] == token - 1:
            ranges[-1][1] = token
        else:
            ranges.append([token, token])
    return "<[" + ",".join(str(low) if low == high else f"{low}-{high}" for low, high in ranges) + "]>"
