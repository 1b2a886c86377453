"""A call as one JSON object with a name and arguments, read as it comes."""

import json
from typing import Any

from .json_reader import JsonReader, repair_json

NAME_KEYS = ("name", "function", "tool_name", "function_name")
ARGUMENT_KEYS = ("arguments", "parameters")
KNOWN_KEYS = frozenset((*NAME_KEYS, *ARGUMENT_KEYS, "type", "id"))


class ArgumentsReader(JsonReader):
    """The arguments of a call whose name is known: one JSON object."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.name: str | None = name

    def result(self) -> tuple[str, str] | None:
        """The whole call, once it is complete and nothing of it was taken before; None for what is no call."""
        arguments = self.take()
        return (self.name, arguments) if self.name and arguments.startswith("{") else None


class CallObject(JsonReader):
    """An object with name and arguments.

    `take` gives the arguments as soon as the name is known, and nothing before. With `only_known` the reader is stuck
    at the first key that calls do not have.
    """

    def __init__(self, *, only_known: bool = False) -> None:
        super().__init__()
        self.name: str | None = None
        self._only_known = only_known
        self._own: list[str] = []
        self._members: dict[str, list[str]] = {}
        self._arguments: list[str] = []
        self._is_begun = False
        self._out = self._own

    def take(self) -> str:
        """The arguments since the last time."""
        if self.name is None or not self._arguments:
            return ""
        # Arguments that come as a text of JSON, or are null, have to be complete first.
        if not self._is_begun and not self._arguments[0].startswith("{"):
            return ""
        self._is_begun = True
        text = "".join(self._arguments)
        self._arguments.clear()
        return text

    @property
    def has_arguments(self) -> bool:
        """Whether arguments have come, of any kind."""
        return self._is_begun or bool(self._arguments)

    def result(self) -> tuple[str, str] | None:
        """The whole call, once it is complete and nothing of it was taken before; None for what is no call."""
        try:
            members = {key: json.loads("".join(parts)) for key, parts in self._members.items() if parts}
        except (ValueError, RecursionError):
            return None
        nested = members.get("function")
        if self.name is None and isinstance(nested, dict):
            return _nested_call(nested)
        name = self.name or _name(members)
        arguments = _arguments_text("".join(self._arguments))
        return (name, arguments) if name and arguments is not None else None

    def _begin_value(self) -> None:
        if len(self._stack) == 1 and self._stack[0] == "}":
            key = json.loads(self._held.lstrip(",").removesuffix(":"))
            if self._only_known and key not in KNOWN_KEYS:
                self.is_stuck = True
            self._held = ""
            is_arguments = key in ARGUMENT_KEYS and not self._is_begun and not self._arguments
            self._out = self._arguments if is_arguments else self._members.setdefault(key, [])
            if not is_arguments:
                self._out.clear()
        super()._begin_value()

    def _end_value(self) -> None:
        super()._end_value()
        if len(self._stack) == 1:
            self._out = self._own
            if self.name is None:
                self.name = _name({key: _text("".join(self._members.get(key, []))) for key in NAME_KEYS})


def _name(members: dict[str, Any]) -> str | None:
    return next((value for key in NAME_KEYS if isinstance(value := members.get(key), str) and value), None)


def _text(value: str) -> str | None:
    """The text that this JSON is, if it is one."""
    return json.loads(value) if len(value) > 2 and value[0] == value[-1] == '"' else None


def _arguments_text(value: str) -> str | None:
    """An object's JSON for what came as arguments: the object, a text of it, null or nothing."""
    if value.startswith('"'):
        value = repair_json(json.loads(value)) or ""
        return value if value.startswith("{") else None
    if value in ("", "null"):
        return "{}"
    return value if value.startswith("{") else None


def _nested_call(nested: dict[str, Any]) -> tuple[str, str] | None:
    name = _name(nested)
    given = next((nested[key] for key in ARGUMENT_KEYS if key in nested), None)
    arguments = _arguments_text(json.dumps(given, ensure_ascii=False, separators=(",", ":")))
    return (name, arguments) if name and arguments is not None else None
