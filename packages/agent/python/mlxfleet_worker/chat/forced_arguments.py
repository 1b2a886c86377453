"""Arguments of one tool as grammar: JSON, tags, Gemma's notation, Python's keywords."""

import json
import re
from dataclasses import dataclass
from typing import Any

from ..constraints.malformed import malformed_reason
from ..constraints.schema import refused
from ..wire.errors import RequestError
from .grammar import ANY_TEXT, GrammarWriter, either, members, pattern, quoted

COMBINATORS = ("$ref", "allOf", "anyOf", "oneOf", "if", "patternProperties", "not")
SCALARS = {
    "integer": "/-?(0|[1-9][0-9]*)/",
    "number": r"/-?(0|[1-9][0-9]*)(\.[0-9]+)?/",
    "boolean": '("true" | "false")',
    "null": '"null"',
}
ANNOTATIONS = frozenset(
    {
        "$comment",
        "$defs",
        "$schema",
        "default",
        "definitions",
        "deprecated",
        "description",
        "examples",
        "readOnly",
        "title",
        "writeOnly",
    }
)
"""Keywords that ask nothing of a value."""
OBJECT_KEYWORDS = ANNOTATIONS | {"additionalProperties", "properties", "required", "type"}
"""Keywords that the notations without JSON keep to in an object of arguments."""
ENFORCED = OBJECT_KEYWORDS | {"const", "enum", "items", "maxLength", "minLength", "nullable"}
"""Keywords that they keep to in one argument."""


@dataclass(frozen=True)
class Tool:
    """A tool that may be called: its name, its arguments' schema, and whether that has to be kept to the letter.

    `param` is where the schema stands in the request, as errors name it.
    """

    name: str
    schema: dict[str, Any]
    is_enforced: bool
    param: str

    @classmethod
    def of(cls, definition: dict[str, Any], index: int, *, is_forced: bool, is_free: bool = False) -> "Tool":
        """The tool of the definition at this index; with `is_free` any arguments will do, unless it is strict.

        Schemas of tools that are strict, or that have to be called, are enforced. Raises RequestError for a schema that
        is malformed, and for one that is enforced and none of an object.
        """
        function = definition["function"]
        is_enforced = is_forced or function.get("strict") is True
        param = parameters_place(index)
        if is_free and not is_enforced:
            return cls(function["name"], {"type": "object"}, False, param)
        given = function.get("parameters") or {"properties": {}}
        reason = malformed_reason(given)
        if reason is None and is_enforced:
            reason = _reason_against_object(given)
        if reason is not None:
            raise refused(reason, param)
        return cls(function["name"], _closed_object(given), is_enforced, param)

    @property
    def properties(self) -> dict[str, Any]:
        """The schemas of the arguments, for notations that write them one by one."""
        if found := [keyword for keyword in COMBINATORS if keyword in self.schema]:
            raise self.beyond_notation(found[0])
        self.check_object(self.schema, OBJECT_KEYWORDS)
        properties = self.schema.get("properties", {})
        definitions = {key: self.schema[key] for key in ("$defs", "definitions") if key in self.schema}
        return {name: _with_definitions(schema, definitions) for name, schema in properties.items()}

    def check_object(self, schema: dict[str, Any], keywords: frozenset[str]) -> None:
        """Raise RequestError for an object that a notation without JSON cannot keep to."""
        self.check_keywords(schema, keywords)
        if self.is_enforced and (missing := set(schema.get("required", [])) - schema.get("properties", {}).keys()):
            raise refused(f"{min(missing)[:80]!r} is required and not described", self.param)

    def check_keywords(self, schema: dict[str, Any], keywords: frozenset[str] = ENFORCED) -> None:
        """Raise RequestError for what a notation without JSON cannot keep to."""
        if not self.is_enforced:
            return
        if unknown := {key for key in schema if key not in keywords and not _is_union(schema, key)}:
            raise self.beyond_notation(min(unknown))

    def beyond_notation(self, keyword: str) -> RequestError:
        """The error for a keyword that the model's notation cannot express."""
        return refused(f"this model's notation of calls has no form for {keyword[:80]}", self.param)

    def requires(self, name: str) -> bool:
        """Whether this argument has to be there."""
        return name in self.schema.get("required", [])


def parameters_place(index: int) -> str:
    """Where the schema of this tool stands in a request, as the `param` of an error."""
    return f"tools.{index}.function.parameters"


def json_arguments(writer: GrammarWriter, tool: Tool) -> str:
    """One JSON object."""
    return writer.json(tool.schema, is_lenient=not tool.is_enforced, param=tool.param)


@dataclass(frozen=True)
class Tags:
    """How a notation encloses an argument; `{key}` stands for its name."""

    opening: str
    closing: str


def tagged_arguments(writer: GrammarWriter, tool: Tool, tags: Tags) -> str:
    """Each argument between tags of its own: texts as they are, everything else as JSON."""
    each = [
        (
            f"{writer.literal(tags.opening.format(key=name))} {_tagged_value(writer, tool, schema, tags.closing)}",
            tool.requires(name),
        )
        for name, schema in tool.properties.items()
    ]
    return members(writer, [(writer.rule(expression), required) for expression, required in each], "")


def python_arguments(writer: GrammarWriter, tool: Tool) -> str:
    """Keywords with values in JSON, which Python reads as well but for three words."""
    for name in (*tool.name.split("."), *tool.properties):
        if not name.isidentifier():
            raise RequestError(f"{tool.name} cannot be forced: {name} is no name in Python.", "tool_choice")
    each = [
        (writer.rule(f"{quoted(name + '=')} {_json_value(writer, tool, schema)}"), tool.requires(name))
        for name, schema in tool.properties.items()
    ]
    return members(writer, each, ", ")


def _json_value(writer: GrammarWriter, tool: Tool, schema: Any) -> str:
    """One argument as JSON."""
    return writer.json(_object_or_any(schema), is_lenient=not tool.is_enforced, param=tool.param)


def gemma_arguments(writer: GrammarWriter, tool: Tool, quote: str) -> str:
    """Bare keys in alphabetical order, texts between `quote`."""
    values = _GemmaValues(writer, tool, quote)
    return values.object(tool.properties, tool.schema.get("required", []))


class _GemmaValues:
    def __init__(self, writer: GrammarWriter, tool: Tool, quote: str) -> None:
        self._writer = writer
        self._tool = tool
        self._quote = quote

    def object(self, properties: dict[str, Any], required: list[str]) -> str:
        each = []
        for name in sorted(properties):
            if not re.fullmatch(r"\w+", name):
                raise refused(f"{name[:80]!r} cannot be a key in this model's notation of calls", self._tool.param)
            expression = f"{quoted(name + ':')} {self._value(properties[name])}"
            each.append((self._writer.rule(expression), name in required))
        return f"{quoted('{')} {members(self._writer, each, ',')} {quoted('}')}"

    def _value(self, schema: Any) -> str:
        schema = schema if isinstance(schema, dict) else {}
        self._tool.check_keywords(schema)
        if (values := _fixed_values(schema)) is not None:
            return either([self._fixed(value) for value in values])
        return either([self._of_type(each, schema) for each in _types(schema)])

    def _of_type(self, type: str, schema: dict[str, Any]) -> str:
        if type in SCALARS:
            return SCALARS[type]
        quote = self._writer.literal(self._quote)
        if type == "string":
            return f"{quote} {_text(schema)} {quote}"
        if type == "array":
            item = self._writer.rule(self._value(schema.get("items", {})))
            return f'"[" ({item} ("," {item})*)? "]"'
        self._tool.check_object(schema, ENFORCED)
        return self.object(schema.get("properties", {}), schema.get("required", []))

    def _fixed(self, value: Any) -> str:
        if isinstance(value, str):
            return self._writer.literal(f"{self._quote}{value}{self._quote}")
        return quoted(json.dumps(value))


def _tagged_value(writer: GrammarWriter, tool: Tool, schema: Any, closing: str) -> str:
    schema = schema if isinstance(schema, dict) else {}
    if "string" not in _types(schema):
        return f"{_json_value(writer, tool, schema)} {writer.literal(closing)}"
    tool.check_keywords(schema)
    if (values := _fixed_values(schema)) is not None:
        texts = [value if isinstance(value, str) else json.dumps(value) for value in values]
        return f"{either([writer.literal(text) for text in texts])} {writer.literal(closing)}"
    closing_literal = writer.literal(closing)
    if closing_literal.startswith("<["):
        return f"{_text(schema)} {closing_literal}"
    bounded = _text(schema).strip("/")
    return writer.rule(f"/{bounded}{pattern(closing)}/", "[lazy]")


def _text(schema: dict[str, Any]) -> str:
    least, most = schema.get("minLength"), schema.get("maxLength")
    if least is None and most is None:
        return ANY_TEXT
    return f"/(?s:.{{{least or 0},{'' if most is None else most}}})/"


def _types(schema: dict[str, Any]) -> list[str]:
    """The types that a value may have; a text where nothing is said."""
    types = schema.get("type")
    if types is None:
        branches = [branch for key in ("anyOf", "oneOf") for branch in schema.get(key, []) if isinstance(branch, dict)]
        types = [type for branch in branches for type in _types(branch)] or ["string"]
    names = [types] if isinstance(types, str) else types
    return [*dict.fromkeys(["null", *names] if schema.get("nullable") is True else names)]


def _fixed_values(schema: dict[str, Any]) -> list[Any] | None:
    return [schema["const"]] if "const" in schema else schema.get("enum")


def _is_union(schema: dict[str, Any], keyword: str) -> bool:
    """Whether this keyword only says which types a value may have, as for a text or null."""
    branches = schema[keyword] if keyword in ("anyOf", "oneOf") and "type" not in schema else []
    return bool(branches) and all(
        isinstance(branch, dict) and branch.keys() <= ANNOTATIONS | {"type"} for branch in branches
    )


def _reason_against_object(schema: dict[str, Any]) -> str | None:
    """What is wrong with arguments that are no object."""
    types = schema.get("type", "object")
    if types == "object" or (isinstance(types, list) and "object" in types):
        return None
    return "arguments are an object, and it has another type"


def _closed_object(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema of an object without arguments that nobody described."""
    closed = {**schema, "type": "object"}
    if "properties" in schema and not any(keyword in schema for keyword in COMBINATORS):
        closed.setdefault("additionalProperties", False)
    return closed


def _object_or_any(schema: Any) -> dict[str, Any]:
    return schema if isinstance(schema, dict) else {}


def _with_definitions(schema: Any, definitions: dict[str, Any]) -> Any:
    return {**definitions, **schema} if definitions and isinstance(schema, dict) else schema
