"""Walks through a JSON schema as one: property names and literal values are not taken for keywords."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

MAPS = ("$defs", "definitions", "properties", "patternProperties")
LISTS = ("allOf", "anyOf", "oneOf", "prefixItems", "items")
SINGLES = ("items", "additionalItems", "additionalProperties")


def all_schemas(root: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The schema itself, those inside it and those that it refers to, each once."""
    waiting: list[Any] = [root]
    seen: set[int] = set()
    while waiting:
        schema = waiting.pop()
        if not isinstance(schema, dict) or id(schema) in seen:
            continue
        seen.add(id(schema))
        yield schema
        waiting += _inside(schema)
        reference = schema.get("$ref")
        if isinstance(reference, str):
            waiting.append(resolve(root, reference))


def resolve(root: dict[str, Any], reference: str) -> Any:
    """What `#/a/b` refers to. True, which takes any value, for everything else: compiling refuses what is not there."""
    if reference in ("#", "#/"):
        return root
    if not reference.startswith("#/"):
        return True
    value: Any = root
    for segment in reference[2:].split("/"):
        name = unquote(segment).replace("~1", "/").replace("~0", "~")
        if isinstance(value, dict) and name in value:
            value = value[name]
        elif isinstance(value, list) and name.isdecimal() and int(name) < len(value):
            value = value[int(name)]
        else:
            return True
    return value


def _inside(schema: dict[str, Any]) -> Iterator[Any]:
    for keyword in MAPS:
        if isinstance(value := schema.get(keyword), dict):
            yield from value.values()
    for keyword in LISTS:
        if isinstance(value := schema.get(keyword), list):
            yield from value
    for keyword in SINGLES:
        yield schema.get(keyword)
