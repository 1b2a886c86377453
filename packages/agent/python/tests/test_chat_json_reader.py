"""JSON as models write it comes out as the JSON that is meant, however it is cut."""

import json
import random
from typing import Any

import pytest

from mlxfleet_worker.chat.json_reader import JsonReader, repair_json

SCALARS = [
    1,
    -2.5,
    1e300,
    0,
    12345678901234567890,
    True,
    None,
    "",
    "x",
    'é\n\t"\\',
    "</tool_call>",
    "\U0001f642",
    "\x00",
]


def random_value(source: random.Random, depth: int = 0) -> Any:
    kind = source.random()
    if depth > 3 or kind < 0.4:
        return source.choice(SCALARS)
    if kind < 0.7:
        return [random_value(source, depth + 1) for _ in range(source.randint(0, 3))]
    return {source.choice(["a", "b", 'ü"', ""]): random_value(source, depth + 1) for _ in range(source.randint(0, 3))}


def read_in_pieces(text: str, source: random.Random) -> str:
    reader = JsonReader()
    out = pending = ""
    index = 0
    while index < len(text):
        size = source.randint(1, 6)
        pending += text[index : index + size]
        index += size
        read = reader.feed(pending)
        assert not reader.is_stuck
        pending = pending[read:]
        out += reader.take()
    if not reader.is_complete:
        assert reader.close() == ""
    return out + reader.take()


def test_valid_json_stays_what_it_is() -> None:
    source = random.Random(1)
    for _ in range(3000):
        value = random_value(source)
        text = json.dumps(value, ensure_ascii=source.random() < 0.5, indent=source.choice([None, 2]))
        out = read_in_pieces(text, source)
        assert json.loads(out) == value
        assert out == json.dumps(value, ensure_ascii=False, separators=(",", ":")) or "\\u" in text or "e+" in text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ('{"a": [1, 2,], "b": {},}', {"a": [1, 2], "b": {}}),
        ("{'a': 'it\\'s \"so\"'}", {"a": 'it\'s "so"'}),
        ('{"a": "two\nlines\tand a tab"}', {"a": "two\nlines\tand a tab"}),
        (
            '{"a": True, "b": False, "c": None, "d": NaN, "e": -Infinity}',
            {"a": True, "b": False, "c": None, "d": None, "e": None},
        ),
        ("{a: 1, b_c: [+2, .5, 1., 007, -0.50]}", {"a": 1, "b_c": [2, 0.5, 1, 7, -0.5]}),
        ('{"a": 1 "b": 2}', {"a": 1, "b": 2}),
        ('["a" "b" {} []]', ["a", "b", {}, []]),
        ("[,,1,,2,]", [1, 2]),
        (r'{"path": "C:\Users\x41", "u": "\u12"}', {"path": "C:\\Users\\x41", "u": "\\u12"}),
        ('{"a": [1, {"b": 2}', {"a": [1, {"b": 2}]}),
        ('{"a": [1, 2}', {"a": [1, 2]}),
        ('{"a": [{"b": 1]}', {"a": [{"b": 1}]}),
        ('{"a": "x', {"a": "x"}),
        ('{"a": }', {"a": None}),
        (" 12 ", 12),
    ],
)
def test_what_is_plainly_meant_is_repaired(written: str, meant: Any) -> None:
    repaired = repair_json(written)
    assert repaired is not None
    assert json.loads(repaired) == meant


@pytest.mark.parametrize(
    "written",
    [
        "",
        "nonsense",
        '{"a": foo}',
        '{"a": 1]',
        "[[1}",
        '{"a": 1} x',
        '{"a"',
        '{"a":',
        '{"a": 1, "b"',
        "{,:}",
        "+",
        "[" * 300,
    ],
)
def test_what_is_not_plain_is_refused(written: str) -> None:
    assert repair_json(written) is None


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_repairs_do_not_depend_on_the_cuts(size: int) -> None:
    text = '{\'a\': True, b: [+1, 2,], "c": "x\ny \\x \\u00e9 \\ud83d\\ude42", "d": {"e": \'q"q\' "f": .5}'
    whole = repair_json(text)
    reader = JsonReader()
    out = ""
    for index in range(0, len(text), size):
        assert reader.feed(text[index : index + size]) == len(text[index : index + size])
        out += reader.take()
    assert reader.close() == ""
    assert out + reader.take() == whole
    assert whole is not None
    assert json.loads(whole) == {"a": True, "b": [1, 2], "c": "x\ny \\x é 🙂", "d": {"e": 'q"q', "f": 0.5}}


def test_reading_stops_behind_the_value() -> None:
    reader = JsonReader()
    assert reader.feed('{"a": "}"} and more') == len('{"a": "}"}')
    assert reader.is_complete


def test_a_marker_in_a_text_is_reported_and_nothing_of_it_read() -> None:
    reader = JsonReader()
    text = '{"a": "x </end> y"}'
    begin = text.index("</end>")
    assert reader.feed(text[: begin + 3], "</end>") == begin
    assert not reader.at_marker, "it may still become another text"
    assert reader.feed(text[begin:], "</end>") == 0
    assert reader.at_marker
    assert reader.feed(text[begin:]) == len(text) - begin
    assert json.loads(reader.take()) == {"a": "x </end> y"}


def test_what_only_begins_like_the_marker_is_text() -> None:
    reader = JsonReader()
    assert reader.feed('{"a": "</b> </en"}', "</end>") == len('{"a": "</b> </en"}')
    assert reader.is_complete
