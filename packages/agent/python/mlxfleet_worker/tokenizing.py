"""Texts to tokens and back, for `/v1/tokenize` and `/v1/detokenize`. Tokenizer work only, from any thread."""

from typing import TYPE_CHECKING

from .prompts import Prompt

if TYPE_CHECKING:
    from .text import TextModel


def tokenize(model: "TextModel", prompt: Prompt) -> list[int]:
    """The tokens that a completion of this prompt begins with: special ones included, and longer than the context too.

    Raises RequestError for a prompt that is invalid.
    """
    return model.tokens(prompt)


def detokenize(model: "TextModel", tokens: list[int]) -> str:
    """The text of these tokens, special ones as they are written, bytes that are no UTF-8 as U+FFFD.

    Raises RequestError for a token that the model does not have.
    """
    model.check_tokens(tokens, "tokens")
    return model.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
