"""Following one completion: what may come next, and when it is over."""

import json
from pathlib import Path
from typing import Any

import pytest

from constraints_support import count_allowed, feed, is_complete, make_factory
from mlxfleet_worker.constraints.grammar import Grammar, GrammarFactory
from mlxfleet_worker.constraints.matcher import Matcher
from mlxfleet_worker.wire.frames import JsonConstraint

END = 2
SMALL = {
    "type": "object",
    "properties": {"a": {"type": "integer"}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.fixture(scope="module")
def factory(tiny_text: Path) -> GrammarFactory:
    return make_factory(tiny_text)


def tokens_of(factory: GrammarFactory, text: str) -> list[int]:
    return factory._tokenizer.encode(text, add_special_tokens=False)


def allowed(matcher: Matcher) -> set[int]:
    bits = int.from_bytes(matcher.library.compute_bitmask(), "little")
    return {token for token in range(matcher.vocabulary.size) if bits >> token & 1}


def accepts(factory: GrammarFactory, grammar: Grammar, text: str) -> bool:
    """Whether a text may be written, and the sequence ended behind it."""
    tokens = [*tokens_of(factory, text), END]
    return count_allowed(grammar.start(), tokens) == len(tokens)


def test_the_end_is_allowed_when_the_value_is_complete_and_not_before(factory: GrammarFactory) -> None:
    matcher = factory.json(JsonConstraint(SMALL)).start()
    for token in tokens_of(factory, '{"a": 12}'):
        assert END not in allowed(matcher)
        assert not is_complete(matcher)
        matcher.advance(token)
    assert allowed(matcher) == {END}
    assert is_complete(matcher)
    matcher.advance(END)
    assert is_complete(matcher)
    assert matcher.failure is None


def test_a_value_that_may_go_on_is_accepting_and_not_complete(factory: GrammarFactory) -> None:
    matcher = factory.json(JsonConstraint({"type": "integer"})).start()
    assert not matcher.is_accepting
    feed(matcher, tokens_of(factory, "12"))
    assert matcher.is_accepting
    assert not is_complete(matcher)
    assert END in allowed(matcher)
    matcher.advance(END)
    assert is_complete(matcher)


@pytest.mark.parametrize(
    ("text", "is_allowed"),
    [
        ('{"a":1,"b":[1,2]}', True),
        ('{"a": 1, "b": [1, 2]}', True),
        ('{\n  "a": 1,\n  "b": [\n    1,\n    2\n  ]\n}', True),
        ('{\r\n\t"a" : {}\r\n}', True),
        ('{"caf\\u00e9": "\\ud83d\\ude00 \\n"}', True),
        ("{}", True),
        ('{"a":  1}', False),
        ('{\n\n"a":1}', False),
        (f'{{\n{" " * 33}"a":1}}', False),
        (' {"a":1}', False),
        ('{"a":1}\n', False),
        ('{"a":"\\ud83d"}', False),
        ("[1]", False),
        ('{"a":01}', False),
        ('{"a":1,}', False),
        ('{"a":NaN}', False),
    ],
)
def test_any_object(factory: GrammarFactory, text: str, is_allowed: bool) -> None:
    assert accepts(factory, factory.json(JsonConstraint(None)), text) is is_allowed
    if is_allowed:
        json.loads(text)


@pytest.mark.parametrize(
    ("schema", "valid", "invalid"),
    [
        ({"properties": {"a": {}}, "additionalProperties": False}, ['{"a":1}', "{}"], ['{"b":1}', '{"a":1,"b":1}']),
        ({"properties": {"a": {}}}, ['{"a":1}', '{"b":1}'], ["[]x"]),
        ({"type": ["string", "null"]}, ['"x"', "null"], ["1", "true"]),
        ({"enum": ["a", 1, None, [True]]}, ['"a"', "1", "null", "[true]"], ['"b"', "2", "[false]"]),
        ({"const": {"a": [1.5, "x"]}}, ['{"a":[1.5,"x"]}'], ['{"a":[1.5]}']),
        ({"type": "integer", "minimum": -5, "exclusiveMaximum": 12}, ["-5", "0", "11"], ["-6", "12", "1.5"]),
        ({"type": "number", "maximum": 2.5}, ["2.5", "-100", "2"], ["2.6", "3"]),
        ({"type": "string", "minLength": 2, "maxLength": 3}, ['"ab"', '"a\\né"'], ['"a"', '"abcd"']),
        ({"type": "string", "pattern": "^a+$"}, ['"aaa"'], ['"ab"', '""']),
        ({"type": "string", "pattern": "b"}, ['"abc"'], ['"ac"']),
        ({"type": "string", "format": "date"}, ['"2024-02-29"'], ['"2024-02-30"', '"24-1-1"']),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 1, "maxItems": 2}, ["[true]"], ["[]", "[1]"]),
        ({"anyOf": [{"type": "integer"}, {"type": "array", "items": {"$ref": "#"}}]}, ["1", "[1,[[]]]"], ['"a"']),
    ],
    ids=lambda value: json.dumps(value)[:60] if isinstance(value, dict) else "",
)
def test_schemas(factory: GrammarFactory, schema: dict[str, Any], valid: list[str], invalid: list[str]) -> None:
    grammar = factory.json(JsonConstraint(schema))
    assert [text for text in valid if not accepts(factory, grammar, text)] == []
    assert [text for text in invalid if accepts(factory, grammar, text)] == []


def test_a_token_that_is_not_allowed_fails_this_completion_alone(factory: GrammarFactory) -> None:
    grammar = factory.json(JsonConstraint(SMALL))
    bad, good = grammar.start(), grammar.start()
    (letter,) = tokens_of(factory, "x")
    bad.advance(letter)
    assert bad.failure is not None
    assert bad.failure.kind == "internal"
    assert "state" not in bad.failure.message
    assert not is_complete(bad)
    bad.advance(END)
    assert feed(good, tokens_of(factory, '{"a":1}')) == 7
    assert is_complete(good)


def test_a_grammar_that_met_an_error_is_compiled_anew(factory: GrammarFactory) -> None:
    grammar = factory.json(JsonConstraint(SMALL))
    assert factory.json(JsonConstraint(SMALL)) is grammar
    grammar.start().advance(END)
    fresh = factory.json(JsonConstraint(SMALL))
    assert fresh is not grammar
    assert accepts(factory, fresh, '{"a":1}')
