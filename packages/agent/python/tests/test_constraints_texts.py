"""Dates, times and patterns: exactly what validators of JSON Schema take, or less, never more."""

import json
import re
from datetime import date, time
from pathlib import Path
from typing import Any

import pytest

from constraints_support import count_allowed, make_factory
from mlxfleet_worker.constraints.grammar import GrammarFactory
from mlxfleet_worker.constraints.texts import DATE, TIME, make_exact
from mlxfleet_worker.wire.frames import JsonConstraint


@pytest.fixture(scope="module")
def factory(tiny_text: Path) -> GrammarFactory:
    return make_factory(tiny_text)


def accepts(factory: GrammarFactory, schema: dict[str, Any], text: str) -> bool:
    matcher = factory.json(JsonConstraint({"type": "string", **schema})).start()
    tokens = [*factory._tokenizer.encode(json.dumps(text, ensure_ascii=False), add_special_tokens=False), 2]
    return count_allowed(matcher, tokens) == len(tokens)


def test_every_day_of_the_calendar_and_no_other() -> None:
    def is_day(year: int, month: int, day: int) -> bool:
        try:
            return bool(date(year, month, day))
        except ValueError:
            return False

    pattern = re.compile(DATE)
    for year in (
        *range(13),
        *range(92, 109),
        400,
        1000,
        *range(1896, 1905),
        *range(1996, 2005),
        2023,
        2024,
        2100,
        9999,
    ):
        for month in range(14):
            for day in range(33):
                text = f"{year:04}-{month:02}-{day:02}"
                assert (pattern.fullmatch(text) is not None) is is_day(year, month, day), text


def test_times_have_a_zone() -> None:
    pattern = re.compile(TIME)
    for text in ("00:00:00Z", "23:59:59.123456789+23:59", "12:30:00-00:30"):
        assert pattern.fullmatch(text)
        assert time.fromisoformat(text).tzinfo is not None
    for text in ("24:00:00Z", "12:60:00Z", "12:00:60Z", "12:00:00", "12:00:00.Z", "12:00:00+24:00", "12:00:00+01"):
        assert not pattern.fullmatch(text)


@pytest.mark.parametrize(
    ("name", "valid", "invalid"),
    [
        ("date", ["2024-02-29", "2000-02-29", "2023-12-31"], ["2023-02-29", "1900-02-29", "0000-01-01", "2024-04-31"]),
        ("time", ["23:59:59Z", "01:02:03.5-08:00"], ["12:00:60Z", "12:00:00"]),
        ("date-time", ["2024-02-29T23:59:59Z"], ["2023-02-29T12:00:00Z", "2024-01-01T12:00:60Z", "2024-01-01"]),
    ],
)
def test_formats(factory: GrammarFactory, name: str, valid: list[str], invalid: list[str]) -> None:
    assert [text for text in valid if not accepts(factory, {"format": name}, text)] == []
    assert [text for text in invalid if accepts(factory, {"format": name}, text)] == []


def test_a_format_and_a_pattern_and_a_length_hold_together(factory: GrammarFactory) -> None:
    schema = {"format": "date", "pattern": "^2024", "maxLength": 10}
    assert accepts(factory, schema, "2024-02-29")
    assert not accepts(factory, schema, "2023-02-28")
    assert not accepts(factory, {**schema, "pattern": "^...3"}, "2023-02-29")


def test_a_format_alone_is_about_texts_only(factory: GrammarFactory) -> None:
    grammar = factory.json(JsonConstraint({"format": "date"}))
    tokens = factory._tokenizer.encode("5", add_special_tokens=False)
    assert count_allowed(grammar.start(), tokens) == 1


@pytest.mark.parametrize("end", ["\n", "\r", "\u2028", "\u2029"])
def test_a_dot_is_no_line_end(factory: GrammarFactory, end: str) -> None:
    assert not accepts(factory, {"pattern": "^a.c$"}, f"a{end}c")
    assert accepts(factory, {"pattern": r"^a[^.]\.c$"}, f"a{end}.c")
    assert not accepts(factory, {"pattern": r"^a\\.c$"}, f"a\\{end}c")
    assert accepts(factory, {"pattern": "^a.c$"}, "a😀c")


@pytest.mark.parametrize("pattern", [r"a\.b", "[.]", r"[\].]", r"\\", "[", "\\", "[^.]+", ""])
def test_other_dots_stay(pattern: str) -> None:
    schema = {"pattern": pattern}
    make_exact(schema)
    assert schema == {"pattern": pattern}


@pytest.mark.parametrize("schema", [{"format": ["date"]}, {"pattern": 5, "format": "date"}, {"format": "isbn"}])
def test_what_is_malformed_or_unknown_is_left_to_the_compiler(schema: dict[str, Any]) -> None:
    before = json.dumps(schema)
    make_exact(schema)
    assert json.dumps(schema) == before


def test_names_and_values_are_no_formats(factory: GrammarFactory) -> None:
    schema = {"type": "object", "properties": {"format": {"const": {"format": "date"}}}, "required": ["format"]}
    grammar = factory.json(JsonConstraint(schema))
    tokens = [*factory._tokenizer.encode('{"format":{"format":"date"}}', add_special_tokens=False), 2]
    assert count_allowed(grammar.start(), tokens) == len(tokens)
