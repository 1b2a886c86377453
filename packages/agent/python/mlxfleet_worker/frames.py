"""The wire between agent and worker: JSON objects, one a line (packages/protocol/src/worker-frames.ts).

Requests are checked here into plain Python values, so that nothing behind this file meets a malformed frame. Unknown
fields are ignored: a newer agent may send more than this worker knows.
"""

import json
from dataclasses import dataclass
from typing import Any

from .errors import RequestError
from .parameters import Sampling, parse_sampling

PROTOCOL_VERSION = 1


class FrameError(Exception):
    """A line that is not a valid frame. `id` is the request it names, when it names one."""

    def __init__(self, message: str, id: str | None = None, param: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.id = id
        self.param = param


@dataclass(frozen=True, slots=True)
class LoadFrame:
    """Load the model in this folder and keep it until the worker ends."""

    path: str
    context_length: int | None
    memory_limit_bytes: int | None
    max_batch_size: int


@dataclass(frozen=True, slots=True)
class ChatPrompt:
    """Messages for the model's chat template."""

    messages: list[dict[str, Any]]
    template_options: dict[str, Any]
    param = "messages"


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


@dataclass(frozen=True, slots=True)
class GenerateFrame:
    """One completion."""

    id: str
    prompt: Prompt
    max_tokens: int | None
    sampling: Sampling
    stop: list[str]


@dataclass(frozen=True, slots=True)
class CancelFrame:
    """End a request within one step."""

    id: str


@dataclass(frozen=True, slots=True)
class PingFrame:
    """Answered by `pong` with the same nonce."""

    nonce: int


RequestFrame = LoadFrame | GenerateFrame | CancelFrame | PingFrame


def parse_frame(line: bytes) -> RequestFrame:
    """Check one line. Raises FrameError."""
    try:
        frame = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise FrameError(f"not JSON: {type(error).__name__}") from error
    if not isinstance(frame, dict):
        raise FrameError("a frame must be an object")
    id = frame.get("id")
    known_id = id if isinstance(id, str) else None
    try:
        match frame.get("type"):
            case "load":
                return _load(frame)
            case "generate":
                return _generate(frame)
            case "cancel":
                return CancelFrame(id=_text(frame, "id"))
            case "ping":
                return PingFrame(nonce=_whole(frame, "nonce", least=None))
            case other:
                raise RequestError(f"Unknown frame type {str(other)[:40]!r}.", "type")
    except RequestError as error:
        raise FrameError(error.message, known_id, error.param) from error


def _load(frame: dict[str, Any]) -> LoadFrame:
    return LoadFrame(
        path=_text(frame, "path"),
        context_length=_optional_whole(frame, "context_length"),
        memory_limit_bytes=_optional_whole(frame, "memory_limit_bytes"),
        max_batch_size=_whole(frame, "max_batch_size", least=1),
    )


def _generate(frame: dict[str, Any]) -> GenerateFrame:
    stop = frame.get("stop") or []
    if not isinstance(stop, list) or not all(isinstance(text, str) and text for text in stop):
        raise RequestError("stop must be a list of non-empty texts.", "stop")
    return GenerateFrame(
        id=_text(frame, "id"),
        prompt=_prompt(frame.get("prompt")),
        max_tokens=_optional_whole(frame, "max_tokens"),
        sampling=parse_sampling(frame.get("sampling")),
        stop=[replace_surrogates(text) for text in stop],
    )


def _prompt(value: Any) -> Prompt:
    if not isinstance(value, dict):
        raise RequestError("prompt must be an object.", "prompt")
    match value.get("kind"):
        case "chat":
            options = value.get("template_options") or {}
            if not isinstance(options, dict):
                raise RequestError("template_options must be an object.")
            return ChatPrompt(_messages(value.get("messages")), replace_surrogates(options))
        case "text":
            return TextPrompt(replace_surrogates(_text(value, "text", param="prompt")))
        case "tokens":
            tokens = value.get("tokens")
            if not isinstance(tokens, list) or not all(type(token) is int for token in tokens):
                raise RequestError("prompt must be a list of token ids.", "prompt")
            return TokensPrompt(tokens)
        case other:
            raise RequestError(f"Unknown prompt kind {str(other)[:40]!r}.", "prompt")


def _messages(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not value:
        raise RequestError("messages must be a non-empty list.", "messages")
    messages = []
    for message in value:
        if not isinstance(message, dict) or not isinstance(message.get("role"), str):
            raise RequestError("Each message must be an object with a role.", "messages")
        flat = dict(message)
        content = message.get("content")
        if isinstance(content, list):
            flat["content"] = "".join(_text_part(part) for part in content)
        elif content is None:
            # Templates that join texts fail on none.
            flat["content"] = ""
        elif not isinstance(content, str):
            raise RequestError("A message's content must be a text or a list of text parts.", "messages")
        messages.append(replace_surrogates(flat))
    return messages


def _text_part(part: Any) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return part["text"]
    raise RequestError("This model takes only text parts in a message's content.", "messages")


def replace_surrogates(value: Any) -> Any:
    """Turn lone surrogates, which JSON may carry and no tokenizer takes, into question marks, at any depth."""
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:
            return value.encode("utf-8", "replace").decode()
        return value
    if isinstance(value, list):
        return [replace_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {replace_surrogates(key): replace_surrogates(item) for key, item in value.items()}
    return value


def _text(fields: dict[str, Any], name: str, param: str | None = None) -> str:
    value = fields.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text.", param or name)
    return value


def _whole(fields: dict[str, Any], name: str, *, least: int | None) -> int:
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise RequestError(f"{name} must be a whole number{bound}.", name)
    return value


def _optional_whole(fields: dict[str, Any], name: str) -> int | None:
    return None if fields.get(name) is None else _whole(fields, name, least=1)
