"""Whether values of a schema can ever be finished: an object that requires itself cannot.

A grammar of such a schema compiles, and then the model writes until its last token, or stands where nothing may follow.
"""

from typing import Any

from .subschemas import all_schemas, resolve

MAX_STEPS = 50_000
"""Schemas looked at, some more than once: about 50 ms."""


class _TooManyStepsError(Exception):
    pass


def incompletable_reason(schema: dict[str, Any]) -> str | None:
    """What is wrong with a schema that refers to something without a finite value; None when all is well."""
    try:
        endless = _Search(schema).endless()
    except _TooManyStepsError:
        return "it has too many references"
    return None if endless is None else f"{endless[:80]!r} has no end, since it always contains itself"


class _Search:
    """Grows the set of references that are known to have a finite value until it stays the same."""

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._finite: set[str] = set()
        self._steps = 0

    def endless(self) -> str | None:
        """A reference to a schema without any finite value."""
        found = [schema.get("$ref") for schema in all_schemas(self._root)]
        unknown = list(dict.fromkeys(reference for reference in found if isinstance(reference, str)))
        while unknown:
            before = len(unknown)
            for reference in unknown:
                if self._is_finite(resolve(self._root, reference)):
                    self._finite.add(reference)
            # Backwards the next time: a chain is then done in two rounds, whichever way it is written.
            unknown = [reference for reference in reversed(unknown) if reference not in self._finite]
            if len(unknown) == before:
                return unknown[0]
        return None

    def _is_finite(self, schema: Any) -> bool:
        """Whether some value needs no reference but those that are known to be finite.

        Whatever is malformed or takes no value at all passes here: compiling tells what is wrong with it.
        """
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise _TooManyStepsError
        if not isinstance(schema, dict):
            return True
        reference = schema.get("$ref")
        if isinstance(reference, str) and reference not in self._finite:
            return False
        if not all(self._is_finite(each) for each in _list(schema, "allOf")):
            return False
        for keyword in ("anyOf", "oneOf"):
            options = _list(schema, keyword)
            if options and not any(self._is_finite(each) for each in options):
                return False
        match schema.get("type"):
            case "object" | ["object"]:
                return all(self._is_finite(each) for each in _required(schema))
            case "array" | ["array"]:
                return all(self._is_finite(each) for each in _first_items(schema))
            case _:
                return True


def _list(schema: dict[str, Any], keyword: str) -> list[Any]:
    value = schema.get(keyword)
    return value if isinstance(value, list) else []


def _required(schema: dict[str, Any]) -> list[Any]:
    """The schemas of the properties that have to be there."""
    properties = schema.get("properties")
    if not isinstance(properties, dict):
        return []
    return [properties[name] for name in _list(schema, "required") if isinstance(name, str) and name in properties]


def _first_items(schema: dict[str, Any]) -> list[Any]:
    """The schemas of the items that have to be there, each once."""
    least = schema.get("minItems")
    if type(least) is not int or least <= 0:
        return []
    first = _list(schema, "prefixItems")
    return first[:least] if least <= len(first) else [*first, schema.get("items")]
