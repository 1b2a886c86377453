"""FunctionGemma's notation of a call: bare keys, and texts between <escape> and <escape>.

mlx-lm's own parser ends the arguments at the first brace, also at one inside a text, and knows no lists and no objects.
"""

import json
import re
from typing import Any

QUOTE = "<escape>"
NAME = re.compile(r"\s*call:([\w.-]+)\s*(?=\{)")
BARE = re.compile(r"[^,\]}]*")
KEY = re.compile(r"\s*([^:{}\[\],<]+?)\s*:\s*")
MAX_DEPTH = 100


def parse_tool_call(text: str, _tools: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    """The call in the text between the markers. Raises ValueError where it is none."""
    name = NAME.match(text)
    if name is None:
        raise ValueError("no name")
    arguments, end = _value(text, name.end(), 0)
    if text[end:].strip():
        raise ValueError("something behind the arguments")
    return {"name": name[1], "arguments": arguments}


def _value(text: str, index: int, depth: int) -> tuple[Any, int]:
    """The value that begins at the index, and where it ends."""
    if depth > MAX_DEPTH:
        raise ValueError("too deep")
    if text.startswith(QUOTE, index):
        return _quoted(text, index)
    if text.startswith("{", index):
        return _object(text, index + 1, depth)
    if text.startswith("[", index):
        return _list(text, index + 1, depth)
    bare = BARE.match(text, index)
    word = bare[0].strip() if bare else ""
    if not bare or not word:
        raise ValueError("no value")
    try:
        return json.loads(word), bare.end()
    except ValueError:
        return word, bare.end()


def _quoted(text: str, index: int) -> tuple[str, int]:
    begin = index + len(QUOTE)
    end = text.index(QUOTE, begin)
    return text[begin:end], end + len(QUOTE)


def _object(text: str, index: int, depth: int) -> tuple[dict[str, Any], int]:
    members: dict[str, Any] = {}
    while not text.startswith("}", index):
        if text.startswith(QUOTE, index):
            key, index = _quoted(text, index)
            if not text.startswith(":", index):
                raise ValueError("no value for a key")
            index += 1
        elif (match := KEY.match(text, index)) is not None:
            key, index = match[1], match.end()
        else:
            raise ValueError("no key")
        members[key], index = _value(text, index, depth + 1)
        index = _after_item(text, index, "}")
    return members, index + 1


def _list(text: str, index: int, depth: int) -> tuple[list[Any], int]:
    items: list[Any] = []
    while not text.startswith("]", index):
        item, index = _value(text, index, depth + 1)
        items.append(item)
        index = _after_item(text, index, "]")
    return items, index + 1


def _after_item(text: str, index: int, closer: str) -> int:
    if text.startswith(closer, index):
        return index
    if not text.startswith(",", index):
        raise ValueError("no comma")
    return index + 1
