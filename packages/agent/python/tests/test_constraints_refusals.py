"""Schemas that cannot be kept to are refused at once, in plain words; none hangs, crashes or fills the worker."""

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from constraints_support import is_complete, make_factory
from mlxfleet_worker.constraints.grammar import GrammarFactory
from mlxfleet_worker.constraints.schema import schema_text
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import JsonConstraint

STRING = {"type": "string"}
MAX_SECONDS = 15
"""A refusal takes one second of processor time; this is for machines with other things to do."""


@pytest.fixture(scope="module")
def factory(tiny_text: Path) -> GrammarFactory:
    return make_factory(tiny_text)


def refusal(factory: GrammarFactory, schema: dict[str, Any]) -> str:
    begun = time.monotonic()
    with pytest.raises(RequestError) as caught:
        factory.json(JsonConstraint(schema))
    assert time.monotonic() - begun < MAX_SECONDS
    assert caught.value.param == "response_format"
    assert caught.value.kind == "invalid"
    assert len(caught.value.message) < 300
    return caught.value.message


def chain(length: int, link: Callable[[str], dict[str, Any]]) -> dict[str, Any]:
    """Definitions that each refer to the next one."""
    definitions = {f"d{place}": link(f"#/$defs/d{place + 1}") for place in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**definitions, f"d{length}": STRING}}


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = STRING
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ({"type": "text"}, "Invalid type: text"),
        ({"type": None}, "type must be a string or array"),
        ({"type": "object", "properties": [STRING]}, "properties must be an object"),
        ({"type": "object", "required": "a"}, "'required'"),
        ({"type": "array", "items": 5}, "schema must be an object or boolean"),
        ({"enum": "a"}, "enum must be an array"),
        ({"anyOf": {}}, "anyOf must be an array"),
        ({"type": "string", "minLength": -1}, "'minLength'"),
        ({"type": "string", "minLength": "é" * 200}, "malformed"),
        ({"type": "string", "maxLength": 10**18}, "maxLength"),
        ({"type": "string", "pattern": "("}, "unclosed group"),
        ({"type": "string", "pattern": "^(?!a)b$"}, "look-around"),
        ({"type": "string", "pattern": r"^(a)\1$"}, "backreferences"),
        ({"type": "string", "format": "isbn"}, "the format isbn cannot be enforced"),
        ({"not": STRING}, "the keyword not cannot be enforced"),
        ({"if": STRING, "then": STRING}, "the keywords if, then cannot be enforced"),
        ({"type": "array", "uniqueItems": True}, "the keyword uniqueItems cannot be enforced"),
        ({"type": "object", "properties": {"a": {"type": "array", "contains": STRING}}}, "the keyword contains"),
        ({"oneOf": [STRING, {"type": "string", "minLength": 2}]}, "oneOf cannot be enforced where options may overlap"),
        ({"enum": []}, "no value satisfies it"),
        ({"type": "integer", "minimum": 5, "maximum": 1}, "no value satisfies it"),
        ({"type": "object", "required": ["a"], "additionalProperties": False}, "no value satisfies it"),
        ({"$ref": "#/$defs/missing"}, "does not exist"),
        ({"$ref": "https://example.com/schema.json"}, "refers to 'https://example.com/schema.json'"),
        ({"properties": {"a": {"$ref": "file:///etc/passwd"}}}, "refers to 'file:///etc/passwd'"),
        ({"const": 2**53 + 1}, "9007199254740993 is too large to be kept exactly"),
        ({"type": "integer", "maximum": 10**400}, "is too large to be kept exactly"),
        ({"const": float("nan")}, "a number that JSON does not have"),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_invalid_schemas(factory: GrammarFactory, schema: dict[str, Any], words: str) -> None:
    assert words in refusal(factory, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}},
        {"type": "object", "properties": {"self": {"$ref": "#"}}, "required": ["self"]},
        {"properties": {"a": {"$ref": "#/$defs/a"}}, "$defs": {"a": {"allOf": [{"$ref": "#/$defs/a"}]}}},
        {"$ref": "#/$defs/a~1b", "$defs": {"a/b": {"type": "array", "minItems": 1, "items": {"$ref": "#/$defs/a~1b"}}}},
    ],
    ids=str,
)
def test_values_without_end(factory: GrammarFactory, schema: dict[str, Any]) -> None:
    assert "has no end, since it always contains itself" in refusal(factory, schema)


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"self": {"$ref": "#"}}},
        {"type": "object", "properties": {"self": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["self"]},
        {"type": "array", "items": {"$ref": "#"}},
        chain(60, lambda target: {"type": "array", "items": {"$ref": target}}),
        {"type": "object", "properties": {"$ref": STRING, "enum": STRING}, "required": ["$ref"]},
        {"const": {"$ref": "https://example.com"}, "examples": [2**60]},
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
def test_recursion_that_can_end_and_names_that_are_no_keywords(factory: GrammarFactory, schema: dict[str, Any]) -> None:
    factory.json(JsonConstraint(schema))


HOSTILE: dict[str, Callable[[], dict[str, Any]]] = {
    "deep": lambda: nested(500),
    "deeper than json": lambda: nested(100_000),
    "long": lambda: {"const": "a" * 300_000},
    "many properties": lambda: {"properties": {f"p{place}": STRING for place in range(5000)}},
    "a chain of references (a stack overflow)": lambda: chain(
        2000, lambda target: {"anyOf": [{"type": "array", "items": {"$ref": target}}, {"type": "null"}]}
    ),
    "references that double": lambda: chain(
        25,
        lambda target: {
            "type": "object",
            "properties": {
                side: {"allOf": [{"$ref": target}, {"properties": {side + target: STRING}}]} for side in "lr"
            },
        },
    ),
    "intersections of alternatives": lambda: {
        "allOf": [{"anyOf": [{"properties": {f"p{x}_{y}": STRING}} for y in range(10)]} for x in range(8)]
    },
    "intersections of patterns": lambda: {"allOf": [{"type": "string", "pattern": f"a{place}"} for place in range(40)]},
    "large divisor": lambda: {"type": "integer", "multipleOf": 1_000_003},
    "divisors": lambda: {"allOf": [{"type": "integer", "multipleOf": prime} for prime in (10007, 10009, 10037)]},
    "one of many": lambda: {
        "type": "object",
        "properties": {f"p{place}": STRING for place in range(2000)},
        "additionalProperties": False,
        "minProperties": 1,
    },
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_schemas(factory: GrammarFactory, name: str) -> None:
    message = refusal(factory, HOSTILE[name]())
    assert "too large or too complex" in message or "longer than" in message or "levels deep" in message
    factory.json(JsonConstraint({"type": "object", "properties": {name: STRING}}))


@pytest.mark.parametrize(
    "schema",
    [
        {"const": "x y " * 20_000},
        {"type": "string", "pattern": "^(a{1000}){1000}$"},
        {"type": "string", "pattern": "^([ab]*a[ab]{30}|[bc]*b[bc]{40}|[ca]*c[ca]{50})*$"},
        {"type": "array", "items": STRING, "minItems": 10**6},
        {"enum": [f"value {place}" for place in range(5000)]},
    ],
    ids=lambda schema: json.dumps(schema)[:60],
)
def test_expensive_schemas_that_compile_have_quick_steps(factory: GrammarFactory, schema: dict[str, Any]) -> None:
    matcher = factory.json(JsonConstraint(schema)).start()
    slowest = 0.0
    for _ in range(300):
        begun = time.thread_time()
        mask = int.from_bytes(matcher.library.compute_bitmask(), "little")
        slowest = max(slowest, time.thread_time() - begun)
        if matcher.library.is_error() or is_complete(matcher):
            break
        matcher.advance((mask & -mask).bit_length() - 1)
    assert slowest < 0.1


def test_a_refusal_costs_its_time_once(factory: GrammarFactory) -> None:
    schema = {"type": "integer", "multipleOf": 999_983}
    first = refusal(factory, schema)
    begun = time.process_time()
    assert refusal(factory, schema) == first
    assert time.process_time() - begun < 0.1


def test_a_grammar_that_is_wrong_names_its_parameter(factory: GrammarFactory) -> None:
    with pytest.raises(RequestError) as caught:
        factory.lark("start: missing_rule", "tool_choice")
    assert caught.value.param == "tool_choice"
    with pytest.raises(RequestError, match="the keyword not cannot be enforced"):
        factory.lark('start: %json {"not": {}}', "tools")
    with pytest.raises(RequestError, match="too large"):
        factory.lark(f'start: "{"a" * 1_000_000}"', "tools")


def test_leniency_ignores_what_cannot_be_enforced(factory: GrammarFactory) -> None:
    schema = {"type": "array", "uniqueItems": True, "items": {"type": "string", "format": "isbn"}}
    factory.lark(f"start: %json {schema_text(schema, 'tools', is_lenient=True)}", "tools")
    with pytest.raises(RequestError):
        factory.lark(f"start: %json {schema_text(schema, 'tools')}", "tools")


def test_a_schema_cannot_choose_how_it_is_enforced(factory: GrammarFactory) -> None:
    assert "the keyword not" in refusal(factory, {"not": STRING, "x-guidance": {"lenient": True}})
