"""What a completion is to be continued from: the checked form of the wire's `prompt` object."""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from .errors import RequestError
from .fields import replace_surrogates, text_field
from .media import Media, parse_media


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages for the model's chat template."""

    messages: list[dict[str, Any]]
    template_options: dict[str, Any]
    tools: list[dict[str, Any]] = field(default_factory=list)
    param: str = "messages"
    """The field of the request that they came in."""
    media: list[Media] = field(default_factory=list)
    """What parts `{"type": "media", "media": index}` of the messages stand for."""


@dataclass(frozen=True, slots=True)
class TextPrompt:
    """Text that is tokenized as it is."""

    text: str
    param = "prompt"


@dataclass(frozen=True, slots=True)
class TokensPrompt:
    """Token ids that are used as they are."""

    tokens: list[int]
    param = "prompt"


Prompt = ChatPrompt | TextPrompt | TokensPrompt


class Beginnings(NamedTuple):
    """How many tokens of a prompt begin other prompts too; 0 where none are known to."""

    system: int = 0
    """What begins every conversation with the same system prompt and the same tools."""
    stable: int = 0
    """What the next turn begins with as well: all but the end that asks for the answer, which templates take back."""


def parse_prompt(value: Any) -> Prompt:
    """Check the `prompt` object of a frame. Raises RequestError."""
    if not isinstance(value, dict):
        raise RequestError("prompt must be an object.", "prompt")
    match value.get("kind"):
        case "chat":
            options = value.get("template_options") or {}
            if not isinstance(options, dict):
                raise RequestError("template_options must be an object.")
            param = text_field(value, "param") if "param" in value else "messages"
            media = parse_media(value.get("media"))
            messages = _messages(value.get("messages"), param, len(media))
            return ChatPrompt(messages, replace_surrogates(options), _tools(value.get("tools")), param, media)
        case "text":
            return TextPrompt(replace_surrogates(text_field(value, "text", param="prompt")))
        case "tokens":
            tokens = value.get("tokens")
            if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
                raise RequestError("prompt must be a list of token ids.", "prompt")
            return TokensPrompt(tokens)
        case other:
            raise RequestError(f"Unknown prompt kind {str(other)[:40]!r}.", "prompt")


def _tools(value: Any) -> list[dict[str, Any]]:
    if value is None:
        return []
    if not isinstance(value, list):
        raise RequestError("tools must be a list.", "tools")
    for tool in value:
        function = tool.get("function") if isinstance(tool, dict) else None
        if not isinstance(function, dict) or not isinstance(function.get("name"), str):
            raise RequestError("Each tool must be an object with a function that has a name.", "tools")
        if not isinstance(function.get("parameters", {}), dict):
            raise RequestError("The parameters of a tool must be a JSON schema.", "tools")
    return replace_surrogates(value)


def _messages(value: Any, param: str, media_count: int) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise RequestError("messages must be a non-empty list.", param)
    messages = []
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RequestError("Each message must be an object with a role.", param)
        flat = dict(message)
        content = message.get("content")
        if isinstance(content, list):
            flat["content"] = _parts(content, param, media_count)
        elif content is None:
            # Templates that join texts fail on none.
            flat["content"] = ""
        elif not isinstance(content, str):
            raise RequestError("A message's content must be a text or a list of parts.", param)
        messages.append(replace_surrogates(flat))
    return messages


def _parts(parts: list[Any], param: str, media_count: int) -> str | list[dict[str, Any]]:
    """One text where there is nothing but text; else the parts, with what stands side by side joined."""
    joined: list[dict[str, Any]] = []
    for part in parts:
        match part:
            case {"type": "text", "text": str(text)}:
                if joined and joined[-1]["type"] == "text":
                    joined[-1]["text"] += text
                else:
                    joined.append({"type": "text", "text": text})
            case {"type": "media", "media": int(index)} if 0 <= index < media_count:
                joined.append({"type": "media", "media": index})
            case _:
                raise RequestError("A part of a message's content must be a text, or name one of the media.", param)
    if any(part["type"] == "media" for part in joined):
        return joined
    return joined[0]["text"] if joined else ""
