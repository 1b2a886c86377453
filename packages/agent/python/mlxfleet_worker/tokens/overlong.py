"""Texts that are far too long for a model, found without tokenizing all of them: 16 MiB take seconds."""

from typing import Any

from ..wire.prompts import ChatPrompt, Prompt, TextPrompt

CHARACTERS_PER_TOKEN = 16
"""Four times what a token holds of ordinary text: only the beginning of a text with more is tokenized first."""
CERTAINTY = 2
"""So many times the context in a beginning: no way of tokenizing the rest makes it fit."""


def least_tokens(text: str, tokenizer: Any, context_length: int) -> int | None:
    """How many tokens a text has at least, when they are certain to be more than the context.

    None when all of it has to be tokenized to know, as of any text that fits.
    """
    characters = context_length * CHARACTERS_PER_TOKEN
    if len(text) <= characters:
        return None
    count = len(tokenizer.encode(text[:characters], add_special_tokens=False))
    return count if count > context_length * CERTAINTY else None


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    return [part["text"] for part in content or [] if part["type"] == "text"]


def certain_text(prompt: Prompt) -> str:
    """The text that is certain to be in the prompt: templates may leave out what is not a user's."""
    match prompt:
        case TextPrompt():
            return prompt.text
        case ChatPrompt():
            contents = [message.get("content") for message in prompt.messages if message.get("role") == "user"]
            return "\n".join(text for content in contents for text in _texts(content))
        case _:
            return ""
