"""Texts to tokens and back, for `/v1/tokenize` and `/v1/detokenize`. Tokenizer work only, from any thread."""

from typing import Any, Protocol

from .errors import RequestError
from .frames import DetokenizeFrame, TokenizeFrame
from .log import log
from .prompts import Prompt
from .replies import ReplyChannel


class TokenizingModel(Protocol):
    """What both kinds of models offer."""

    tokenizer: Any

    def tokens(self, prompt: Prompt) -> list[int]:
        """The tokens of a prompt of any length. Raises RequestError for one that is invalid."""

    def check_tokens(self, tokens: list[int], param: str) -> None:
        """Raise RequestError that names `param` for a token that the model does not have."""


def answer(frame: TokenizeFrame | DetokenizeFrame, model: TokenizingModel, replies: ReplyChannel) -> None:
    """Reply to one question; whatever is wrong with it, the next one is answered too."""
    try:
        if isinstance(frame, TokenizeFrame):
            replies.send({"type": "tokenized", "id": frame.id, "tokens": tokenize(model, frame.prompt)})
        else:
            replies.send({"type": "detokenized", "id": frame.id, "text": detokenize(model, frame.tokens)})
    except RequestError as error:
        replies.send_failed(frame.id, error)
    except Exception as error:
        # Only its type: the message may quote the text.
        log(f"a text could not be tokenized: {type(error).__name__}")
        replies.send_failed(frame.id, RequestError(f"The text could not be tokenized: {error}", "input"))


def tokenize(model: TokenizingModel, prompt: Prompt) -> list[int]:
    """The tokens that the model begins with: special ones included, and longer than the context too.

    Raises RequestError for a prompt that is invalid.
    """
    return model.tokens(prompt)


def detokenize(model: TokenizingModel, tokens: list[int]) -> str:
    """The text of these tokens, special ones as they are written, bytes that are no UTF-8 as U+FFFD.

    Raises RequestError for a token that the model does not have.
    """
    model.check_tokens(tokens, "tokens")
    return model.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
