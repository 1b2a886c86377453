"""Tokens to text as they come: a chunk never ends inside a UTF-8 character."""

import codecs
from typing import Protocol

from mlx_lm.tokenizer_utils import BPEStreamingDetokenizer, StreamingDetokenizer, TokenizerWrapper, _byte_decoder


class Detokenizer(Protocol):
    """The text of one completion."""

    def add(self, token: int) -> str:
        """Take one token and return the text that is complete with it."""

    def finish(self) -> str:
        """The rest, an incomplete character as U+FFFD."""


class TokenBytes(dict[int, bytes]):
    """Token id to its bytes in a byte-level vocabulary, filled as tokens appear."""

    def __init__(self, vocabulary: list[str]) -> None:
        super().__init__()
        self._vocabulary = vocabulary
        self._byte_of = _byte_decoder()

    def __missing__(self, token: int) -> bytes:
        # A model's vocabulary may be padded beyond the tokenizer's: those ids have no text.
        text = self._vocabulary[token] if token < len(self._vocabulary) else ""
        data = b"".join(
            bytes((self._byte_of[character],)) if character in self._byte_of else character.encode()
            for character in text or ""
        )
        self[token] = data
        return data


class ByteDetokenizer:
    """For byte-level vocabularies.

    The library's own class decodes all bytes since the last complete character again at each token, which is quadratic
    while a model emits invalid bytes, and drops a leading space, which belongs to the completion of a plain prompt.
    This one keeps a decoder and every byte.
    """

    def __init__(self, token_bytes: TokenBytes) -> None:
        self._token_bytes = token_bytes
        self._decode = codecs.getincrementaldecoder("utf-8")("replace").decode

    def add(self, token: int) -> str:
        """Take one token and return the text that is complete with it."""
        return self._decode(self._token_bytes[token])

    def finish(self) -> str:
        """Return the rest, an incomplete character as U+FFFD."""
        return self._decode(b"", True)


class LibraryDetokenizer:
    """For every other vocabulary: the library's own class."""

    def __init__(self, inner: StreamingDetokenizer) -> None:
        self._inner = inner

    def add(self, token: int) -> str:
        """Take one token and return the text that is complete with it."""
        self._inner.add_token(token)
        return self._inner.last_segment

    def finish(self) -> str:
        """Return the rest, an incomplete character as U+FFFD."""
        self._inner.finalize()
        return self._inner.last_segment


class DetokenizerFactory:
    """Makes the detokenizer that fits a tokenizer, one for each request."""

    def __init__(self, tokenizer: TokenizerWrapper) -> None:
        self._tokenizer = tokenizer
        sample = tokenizer.detokenizer
        byte_level = isinstance(sample, BPEStreamingDetokenizer)
        self._token_bytes = TokenBytes(sample.tokenmap) if byte_level else None

    def make(self) -> Detokenizer:
        """A detokenizer at the start of a completion."""
        if self._token_bytes is not None:
            return ByteDetokenizer(self._token_bytes)
        return LibraryDetokenizer(self._tokenizer.detokenizer)
