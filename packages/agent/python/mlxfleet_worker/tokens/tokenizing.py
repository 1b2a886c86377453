"""Texts to tokens and back, for `/v1/tokenize` and `/v1/detokenize`. Tokenizer work only, from any thread."""

from typing import Any, Protocol

from ..wire.errors import RequestError
from ..wire.fields import texts_in
from ..wire.frames import DetokenizeFrame, TokenizeFrame, ToolChoice
from ..wire.prompts import ChatPrompt, Prompt, TextPrompt

MOST_TOKENS = 1_000_000
"""Tokens in one answer, and in one question: as many as the longest contexts have. With ids of six digits they fill
half of LONGEST_FRAME. The agent's schema says the same."""

MOST_CHARACTERS = 1_000_000
"""Characters in one answer. Those beyond the basic plane take twelve bytes of a frame each."""

MOST_TEXT = 4_000_000
"""Characters in one question, with those of messages and tools: what a million tokens have of ordinary text. They take
three seconds, for which further questions wait. What the agent's schema says of them is the same."""

FREE = ToolChoice("auto")
"""Of a prompt that is only counted: its tools are told."""


class TokenizingModel(Protocol):
    """What both kinds of models offer."""

    tokenizer: Any

    def tokens(self, prompt: Prompt, tool_choice: ToolChoice, /) -> list[int]:
        """The tokens of a prompt of any length. Raises RequestError for one that is invalid."""

    def tokens_with_images(self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[Any]], /) -> list[int]:
        """The tokens of a prompt with decoded images, of models that are shown some. Raises RequestError."""

    def check_tokens(self, tokens: list[int], param: str) -> None:
        """Raise RequestError that names `param` for a token that the model does not have."""


def answer(
    frame: TokenizeFrame | DetokenizeFrame, model: TokenizingModel, media: list[list[Any]] | None = None
) -> dict[str, Any]:
    """The reply to one question; `media` are the decoded images of its prompt.

    Raises RequestError for what is wrong with it, and whatever the tokenizer raises.
    """
    if isinstance(frame, TokenizeFrame):
        tokens = tokenize(model, frame.prompt, frame.add_special_tokens, media)
        refuse_more(len(tokens), MOST_TOKENS, "tokens", _field(frame.prompt))
        return {"type": "tokenized", "id": frame.id, "tokens": tokens}
    refuse_more(len(frame.tokens), MOST_TOKENS, "tokens", "tokens")
    text = detokenize(model, frame.tokens)
    refuse_more(len(text), MOST_CHARACTERS, "characters", "tokens")
    return {"type": "detokenized", "id": frame.id, "text": text}


def _field(prompt: Prompt) -> str:
    """The field of the request that a prompt came in."""
    return "input" if isinstance(prompt, TextPrompt) else prompt.param


def refuse_more(count: int, most: int, things: str, param: str) -> None:
    """Raise RequestError for more than one answer holds."""
    if count > most:
        raise RequestError(f"These are {count} {things}; one answer holds {most} at most. Split it.", param)


def tokenize(
    model: TokenizingModel, prompt: Prompt, add_special_tokens: bool = True, media: list[list[Any]] | None = None
) -> list[int]:
    """The tokens that the model begins with, longer than the context too.

    Without `add_special_tokens` those of a text alone: what the text itself spells out is a special token even then.
    Raises RequestError for a prompt that is invalid or too long.
    """
    length = _text_length(prompt)
    if length > MOST_TEXT:
        raise RequestError(f"These are {length} characters; {MOST_TEXT} are taken at most. Split it.", _field(prompt))
    if isinstance(prompt, TextPrompt) and not add_special_tokens:
        return list(model.tokenizer.encode(prompt.text, add_special_tokens=False))
    if media and isinstance(prompt, ChatPrompt):
        return model.tokens_with_images(prompt, FREE, media)
    return model.tokens(prompt, FREE)


def _text_length(prompt: Prompt) -> int:
    """Characters of all texts of a prompt."""
    parts: list[Any] = [prompt.text] if isinstance(prompt, TextPrompt) else []
    if isinstance(prompt, ChatPrompt):
        parts = [prompt.messages, prompt.tools, prompt.template_options]
    return sum(len(text) for text in texts_in(parts))


def detokenize(model: TokenizingModel, tokens: list[int]) -> str:
    """The text of these tokens, special ones as they are written, bytes that are no UTF-8 as U+FFFD.

    Raises RequestError for a token that the model does not have.
    """
    model.check_tokens(tokens, "tokens")
    return model.tokenizer.decode(tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
