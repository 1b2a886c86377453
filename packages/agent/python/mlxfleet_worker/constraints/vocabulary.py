"""A model's tokens as llguidance sees them."""

from collections.abc import Collection, Sequence
from copy import copy
from typing import Any

import numpy as np
from llguidance import LLTokenizer
from numpy.typing import NDArray

BITS = 32
"""Tokens in one word of a mask."""


class UnusableTokenizerError(Exception):
    """The tokenizer's tokens have no known bytes, or it has no token that ends a sequence."""


class Vocabulary:
    """llguidance's tokenizer and what is known of the tokens. Read by any thread."""

    def __init__(self, tokenizer: Any, model_size: int, end_tokens: Collection[int]) -> None:
        """Index the tokens: 0.4 s for 49,000, 1.4 s and 100 MB for 152,000, during which no other Python code runs.

        `model_size` is how many tokens the model has, which may be more or fewer than the tokenizer's. Raises
        UnusableTokenizerError.
        """
        backend = getattr(tokenizer, "backend_tokenizer", None)
        if backend is None:
            raise UnusableTokenizerError("it is not one of the tokenizers library's")
        if backend.padding is not None or backend.truncation is not None:
            backend = copy(backend)
            backend.no_padding()
            backend.no_truncation()
        names = {token: name for name, token in backend.get_vocab(with_added_tokens=True).items()}
        known = backend.get_vocab_size(with_added_tokens=True)
        self.end_tokens = sorted(token for token in end_tokens if 0 <= token < known)
        if not self.end_tokens:
            raise UnusableTokenizerError("no token ends a sequence")
        self.size = max(model_size, known)
        """How many tokens a mask covers. Tokens that only pad the model's vocabulary are in no mask."""
        try:
            self.library = LLTokenizer(backend.to_str(), n_vocab=self.size, eos_token=self.end_tokens)
        except BaseException as error:  # A panic is no Exception.
            if isinstance(error, KeyboardInterrupt | SystemExit):
                raise
            raise UnusableTokenizerError(str(error)) from error
        self.special_tokens = {token: name for token, name in names.items() if self.library.is_special_token(token)}
        """Tokens that no text in a grammar stands for, with their names."""
        self.words = -(-self.size // BITS)
        """The length of a mask in words of 32 bits."""
        self.ordinary_end_bits = self._bits([token for token in self.end_tokens if token not in self.special_tokens])
        """A mask of the end tokens that are ordinary text as well, or None as in nearly all models."""
        self.missing_bits = self._bits(range(model_size, self.size))
        """A mask of the tokens that the tokenizer has and the model has not, or None as in nearly all models."""

    def _bits(self, tokens: Sequence[int]) -> NDArray[np.uint32] | None:
        if not tokens:
            return None
        bits = np.zeros(self.words, dtype=np.uint32)
        for token in tokens:
            bits[token // BITS] |= np.uint32(1 << token % BITS)
        return bits
