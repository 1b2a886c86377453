"""Texts to tokens and back, for `/v1/tokenize` and `/v1/detokenize`. Tokenizer work only, from any thread."""

from typing import Any, Protocol

from ..log import log
from ..wire.errors import RequestError
from ..wire.frames import DetokenizeFrame, TokenizeFrame, ToolChoice
from ..wire.prompts import Prompt, TextPrompt
from ..wire.replies import ReplyChannel

MOST_TOKENS = 1_000_000
"""Tokens in one answer, and in one question: as many as the longest contexts have. With ids of six digits they fill
half of LONGEST_FRAME. The agent's schema says the same."""

MOST_CHARACTERS = 1_000_000
"""Characters in one answer. Those beyond the basic plane take twelve bytes of a frame each."""

FREE = ToolChoice("auto")
"""Of a prompt that is only counted: its tools are told."""


class TokenizingModel(Protocol):
    """What both kinds of models offer."""

    tokenizer: Any

    def tokens(self, prompt: Prompt, tool_choice: ToolChoice, /) -> list[int]:
        """The tokens of a prompt of any length. Raises RequestError for one that is invalid."""

    def check_tokens(self, tokens: list[int], param: str) -> None:
        """Raise RequestError that names `param` for a token that the model does not have."""


def answer(frame: TokenizeFrame | DetokenizeFrame, model: TokenizingModel, replies: ReplyChannel) -> None:
    """Reply to one question; whatever is wrong with it, the next one is answered too."""
    param = _field(frame)
    try:
        if isinstance(frame, TokenizeFrame):
            tokens = tokenize(model, frame.prompt, frame.add_special_tokens)
            refuse_more(len(tokens), MOST_TOKENS, "tokens", param)
            replies.send({"type": "tokenized", "id": frame.id, "tokens": tokens})
        else:
            refuse_more(len(frame.tokens), MOST_TOKENS, "tokens", param)
            text = detokenize(model, frame.tokens)
            refuse_more(len(text), MOST_CHARACTERS, "characters", param)
            replies.send({"type": "detokenized", "id": frame.id, "text": text})
    except RequestError as error:
        replies.send_failed(frame.id, error)
    except Exception as error:
        # Only its type: the message may quote the text.
        log(f"a text could not be tokenized: {type(error).__name__}")
        message = f"The text could not be tokenized ({type(error).__name__})."
        replies.send_failed(frame.id, RequestError(message, param, "internal"))


def _field(frame: TokenizeFrame | DetokenizeFrame) -> str:
    """The field of the request that the question is about."""
    if isinstance(frame, DetokenizeFrame):
        return "tokens"
    return "input" if isinstance(frame.prompt, TextPrompt) else frame.prompt.param


def refuse_more(count: int, most: int, things: str, param: str) -> None:
    """Raise RequestError for more than one answer holds."""
    if count > most:
        raise RequestError(f"These are {count} {things}; one answer holds {most} at most. Split it.", param)


def tokenize(model: TokenizingModel, prompt: Prompt, add_special_tokens: bool = True) -> list[int]:
    """The tokens that the model begins with, longer than the context too.

    Without `add_special_tokens` those of a text alone: what the text itself spells out is a special token even then.
    Raises RequestError for a prompt that is invalid.
    """
    if isinstance(prompt, TextPrompt) and not add_special_tokens:
        return list(model.tokenizer.encode(prompt.text, add_special_tokens=False))
    return model.tokens(prompt, FREE)


def detokenize(model: TokenizingModel, tokens: list[int]) -> str:
    """The text of these tokens, special ones as they are written, bytes that are no UTF-8 as U+FFFD.

    Raises RequestError for a token that the model does not have.
    """
    model.check_tokens(tokens, "tokens")
    return model.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
