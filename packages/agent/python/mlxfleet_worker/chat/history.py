"""Conversations in OpenAI's shape, brought into the shape that a template takes. Pure functions of messages."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from ..wire.errors import RequestError
from .json_reader import repair_json

Message = dict[str, Any]
SHORT_ID_LENGTH = 9
"""Letters and digits of an id that Mistral's templates take."""


@dataclass(frozen=True)
class HistoryShape:
    """What a template wants of the calls and results in a conversation.

    `arguments_as_text`: as JSON text, not as an object. `short_ids`: ids of nine letters and digits. `one_call`:
    messages of one call each. `has_system`: the role exists. `has_developer`: so does that one. `parts_only`: content
    is a list of parts also where it is one text.
    """

    arguments_as_text: bool = False
    short_ids: bool = False
    one_call: bool = False
    has_system: bool = True
    has_developer: bool = False
    parts_only: bool = False


def check_history(messages: list[Message]) -> list[Message]:
    """The same messages with every call complete: id, name, arguments as an object; each result with its call's name.

    Raises RequestError for calls that are none.
    """
    checked: list[Message] = []
    names: dict[str, str] = {}
    for position, message in enumerate(messages):
        complete = {key: value for key, value in message.items() if key != "tool_calls"}
        calls = message.get("tool_calls")
        if calls is not None and not isinstance(calls, list):
            raise RequestError("tool_calls must be a list.", "messages")
        if calls:
            complete["tool_calls"] = [_check_call(call, f"call_{position}_{n}") for n, call in enumerate(calls)]
            names |= {call["id"]: call["function"]["name"] for call in complete["tool_calls"]}
        elif message["role"] == "tool" and "name" not in message and message.get("tool_call_id") in names:
            complete["name"] = names[message["tool_call_id"]]
        checked.append(complete)
    return checked


def _check_call(call: Any, default_id: str) -> dict[str, Any]:
    function = call.get("function") if isinstance(call, dict) else None
    if not isinstance(function, dict) or not isinstance(function.get("name"), str):
        raise RequestError("Each of tool_calls must have a function with a name.", "messages")
    id = call.get("id")
    return {
        **call,
        "type": "function",
        "id": id if isinstance(id, str) and id else default_id,
        "function": {**function, "arguments": _arguments(function.get("arguments"))},
    }


def _arguments(value: Any) -> Any:
    """An object for what a client sends back as arguments, which may be a model's broken JSON."""
    if isinstance(value, str) and value.strip():
        repaired = repair_json(value)
        parsed = json.loads(repaired) if repaired is not None else None
        return parsed if isinstance(parsed, dict) else {"arguments": value}
    return value if isinstance(value, dict) else {}


def shape_history(messages: list[Message], shape: HistoryShape) -> list[Message]:
    """Checked messages in the shape that a template takes."""
    shaped = [_shape_message(message, shape) for message in messages]
    if shape.one_call:
        shaped = _split_calls(shaped)
    if not shape.has_system:
        shaped = fold_system(shaped)
    return [_in_parts(message) for message in shaped] if shape.parts_only else shaped


def text_parts(content: str | list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A message's content as a list of parts."""
    return content if isinstance(content, list) else [{"type": "text", "text": content}]


def with_text_before(text: str, content: str | list[dict[str, Any]]) -> str | list[dict[str, Any]]:
    """A message's content with a text in front of it."""
    return text + content if isinstance(content, str) else [*text_parts(text), *content]


def with_text_behind(content: str | list[dict[str, Any]], text: str) -> str | list[dict[str, Any]]:
    """A message's content with a text behind it."""
    return content + text if isinstance(content, str) else [*content, *text_parts(text)]


def _in_parts(message: Message) -> Message:
    return {**message, "content": text_parts(message["content"])} if message.get("content") else message


def _shape_message(message: Message, shape: HistoryShape) -> Message:
    shaped = dict(message)
    if shaped["role"] == "developer" and not shape.has_developer:
        shaped["role"] = "system"
    if calls := shaped.get("tool_calls"):
        shaped["tool_calls"] = [_shape_call(call, shape) for call in calls]
    if shape.short_ids and isinstance(shaped.get("tool_call_id"), str):
        shaped["tool_call_id"] = short_id(shaped["tool_call_id"])
    return shaped


def _shape_call(call: dict[str, Any], shape: HistoryShape) -> dict[str, Any]:
    shaped = dict(call)
    if shape.short_ids:
        shaped["id"] = short_id(call["id"])
    if shape.arguments_as_text:
        text = json.dumps(call["function"]["arguments"], ensure_ascii=False)
        shaped["function"] = {**call["function"], "arguments": text}
    return shaped


def short_id(id: str) -> str:
    """An id of nine letters and digits, the same for the same id."""
    if len(id) == SHORT_ID_LENGTH and id.isalnum():
        return id
    return hashlib.sha256(id.encode()).hexdigest()[:SHORT_ID_LENGTH]


def _split_calls(messages: list[Message]) -> list[Message]:
    """Each message of several calls as several messages of one, each with its result behind it."""
    split: list[Message] = []
    results = {message.get("tool_call_id"): message for message in messages if message["role"] == "tool"}
    moved: set[int] = set()
    for message in messages:
        calls = message.get("tool_calls") or []
        if len(calls) < 2:
            if id(message) not in moved:
                split.append(message)
            continue
        for n, call in enumerate(calls):
            head = message if n == 0 else {"role": message["role"], "content": ""}
            split.append({**head, "tool_calls": [call]})
            if (result := results.get(call["id"])) is not None:
                split.append(result)
                moved.add(id(result))
    return split


def fold_system(messages: list[Message]) -> list[Message]:
    """System messages as the beginning of the user message that follows them."""
    folded: list[Message] = []
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "system":
            waiting.append(message["content"])
        elif waiting and message["role"] == "user":
            before = "".join(f"{text}\n\n" for text in waiting)
            folded.append({**message, "content": with_text_before(before, message["content"])})
            waiting = []
        else:
            folded.append(message)
    if waiting:
        folded.append({"role": "user", "content": "\n\n".join(waiting)})
    return folded
