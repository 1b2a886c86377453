"""JSON schemas of clients: what can be said against one without compiling it, and its text for a grammar."""

import json
import re
from copy import deepcopy
from typing import Any

from ..wire.errors import RequestError
from .completable import incompletable_reason
from .limits import MAX_SCHEMA_CHARACTERS, MAX_SCHEMA_DEPTH
from .subschemas import all_schemas
from .texts import make_exact

WHITESPACE = r"\x20|\r?\n(?:\x20{0,32}|\t{0,8})"
"""At most one of these wherever JSON takes whitespace: one space, or a line break with up to 32 spaces or 8 tabs.

A model that is kept from its habit writes worse JSON, so its usual layouts are allowed. Whitespace that may go on for
ever is where small models end, so a second one in the same place is not.
"""

OPTIONS = {"whitespace_pattern": WHITESPACE, "json_allow_general_unicode_escapes": True}
"""Escapes of any character: a model that begins `\\u00e9` would be led to a control character otherwise."""

PLACE_INDEX = re.compile(r"\.(\d+)")
"""An index in the `param` of an error, such as in tools.0.function.parameters."""

BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def schema_text(schema: dict[str, Any], param: str, *, is_lenient: bool = False) -> str:
    """The schema as it stands behind `%json` in a grammar.

    With `is_lenient` keywords and formats that cannot be enforced are ignored. Raises RequestError that names `param`
    for a schema that is too large or too deep, refers to other documents, holds numbers that would be rounded, or has
    values without an end. What only compiling can tell, compiling tells.
    """
    if not _is_shallow(schema):
        raise refused(f"it is nested more than {MAX_SCHEMA_DEPTH} levels deep", param)
    options = {**OPTIONS, "lenient": True} if is_lenient else OPTIONS
    exact = deepcopy(schema)
    for each in all_schemas(exact):
        make_exact(each)
    try:
        text = json.dumps({**exact, "x-guidance": options}, allow_nan=False)
    except ValueError as error:
        raise refused("it holds a number that JSON does not have", param) from error
    if len(text) > MAX_SCHEMA_CHARACTERS:
        raise refused(f"it is longer than {MAX_SCHEMA_CHARACTERS} characters", param)
    for each in all_schemas(schema):
        if (reason := _reason_against(each)) is not None:
            raise refused(reason, param)
    if (reason := incompletable_reason(schema)) is not None:
        raise refused(reason, param)
    return text


def refused(reason: str, param: str) -> RequestError:
    """The error for a schema that cannot be kept to."""
    subject = "The JSON schema"
    if "." in param:
        subject += " in " + PLACE_INDEX.sub(r"[\1]", param)
    return RequestError(f"{subject} cannot be used: {reason}.", param)


def _is_shallow(schema: dict[str, Any]) -> bool:
    level: list[Any] = [schema]
    for _ in range(MAX_SCHEMA_DEPTH):
        level = [child for value in level for child in _children(value) if isinstance(child, dict | list)]
        if not level:
            return True
    return False


def _children(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return list(value.values())
    return value if isinstance(value, list) else []


def _reason_against(schema: dict[str, Any]) -> str | None:
    reference = schema.get("$ref")
    if isinstance(reference, str) and not reference.startswith("#"):
        return f"it refers to {reference[:80]!r}, and references have to stay inside the schema (#/...)"
    waiting = [schema.get(keyword) for keyword in (*BOUNDS, "const", "enum")]
    while waiting:
        value = waiting.pop()
        waiting += _children(value)
        if type(value) is int and not _is_exact(value):
            return f"the number {str(value)[:40]} is too large to be kept exactly"
    return None


def _is_exact(number: int) -> bool:
    """Whether llguidance, which computes with 64-bit floats, keeps this number."""
    try:
        return int(float(number)) == number
    except OverflowError:
        return False
