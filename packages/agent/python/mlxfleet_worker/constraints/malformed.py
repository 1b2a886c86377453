"""What is no JSON schema at all, for notations whose grammars are not made by llguidance, which checks its own."""

from typing import Any

from .subschemas import all_schemas

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})
SHAPES: dict[str, tuple[type, str]] = {
    "properties": (dict, "an object"),
    "required": (list, "a list"),
    "enum": (list, "a list"),
    "anyOf": (list, "a list"),
    "oneOf": (list, "a list"),
    "allOf": (list, "a list"),
    "minLength": (int, "a number"),
    "maxLength": (int, "a number"),
}


def malformed_reason(schema: dict[str, Any]) -> str | None:
    """What is wrong with a schema, or with one inside it, whatever would be made of it; None when all is well."""
    for each in all_schemas(schema):
        types = each.get("type", [])
        for name in types if isinstance(types, list) else [types]:
            if not isinstance(name, str) or name not in TYPES:
                return f"{str(name)[:80]!r} is no type"
        for keyword, (kind, words) in SHAPES.items():
            if keyword in each and not isinstance(each[keyword], kind):
                return f"{keyword} is not {words}"
        if not all(isinstance(name, str) for name in each.get("required", [])):
            return "required holds something else than names"
    return None
