"""Checks of single values of a frame."""

from collections.abc import Iterator
from typing import Any

from .errors import RequestError


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


def texts_in(value: Any) -> Iterator[str]:
    """All texts in a value, at any depth, but for names of members."""
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                yield text
            case dict(members):
                waiting += members.values()
            case list(items):
                waiting += items


def text_field(fields: dict[str, Any], name: str, param: str | None = None) -> str:
    """A text. Raises RequestError that names `param`, or the field."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise RequestError(f"{name} must be a text.", param or name)
    return value


def whole_field(fields: dict[str, Any], name: str, *, least: int | None) -> int:
    """A whole number of at least `least`. Raises RequestError."""
    value = fields.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or (least is not None and value < least):
        bound = "" if least is None else f" of at least {least}"
        raise RequestError(f"{name} must be a whole number{bound}.", name)
    return value


def optional_whole_field(fields: dict[str, Any], name: str, *, least: int = 1) -> int | None:
    """The same, or None where it is absent or null."""
    return None if fields.get(name) is None else whole_field(fields, name, least=least)


def flag_field(fields: dict[str, Any], name: str, default: bool) -> bool:
    """True or false; `default` where it is absent or null. Raises RequestError."""
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise RequestError(f"{name} must be true or false.", name)
    return value


def choice_field(fields: dict[str, Any], name: str, choices: tuple[str, ...], default: str) -> Any:
    """One of `choices`; `default` where it is absent or null. Raises RequestError."""
    value = fields.get(name)
    if value is None:
        return default
    if value not in choices:
        raise RequestError(f"{name} must be one of {', '.join(choices)}.", name)
    return value
