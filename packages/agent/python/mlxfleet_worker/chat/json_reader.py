"""JSON as models write it, read as it comes and given back as valid JSON.

Repaired are: line breaks and tabs inside texts, single quotes, keys without quotes, Python's True, False and None,
NaN and infinities (null), unusual numbers, invalid escapes, trailing, doubled and missing commas, closing brackets that
are missing inside or at the end. The JSON that comes out has no white space between its tokens.
"""

import json
import re
from enum import Enum, auto

from .json_words import word_value

WHITESPACE = frozenset(" \t\r\n\u00a0\ufeff")
CLOSERS = {"{": "}", "[": "]"}
MAX_DEPTH = 200
"""Readers of JSON, Python's among them, fail on deeper nesting."""

WORD_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.$")
ESCAPES = frozenset('"\\/bfnrt')
HEX_DIGITS = frozenset("0123456789abcdefABCDEF")


class State(Enum):
    """What comes next."""

    VALUE = auto()
    FIRST_ITEM = auto()
    KEY = auto()
    COLON = auto()
    AFTER = auto()
    TEXT = auto()
    ESCAPE = auto()
    WORD = auto()
    BARE_KEY = auto()
    COMPLETE = auto()


class JsonReader:
    """One JSON value.

    `is_stuck` says that the next character cannot be part of it; `at_marker` that a text in it contains the marker.
    Both are about the character at the index that `feed` returned, and hold until the next `feed`.
    """

    def __init__(self) -> None:
        self.is_stuck = False
        self.at_marker = False
        self._state = State.VALUE
        self._stack: list[str] = []
        self._out: list[str] = []
        # A comma, or a comma and a key, that is written when its value begins.
        self._held = ""
        self._quote = ""
        self._in_key = False
        self._word = ""

    @property
    def is_complete(self) -> bool:
        """Whether the value is over."""
        return self._state is State.COMPLETE

    def take(self) -> str:
        """The valid JSON since the last time."""
        text = "".join(self._out)
        self._out.clear()
        return text

    def feed(self, text: str, marker: str = "") -> int:
        """Read on; returns how many characters were read.

        Fewer than all: the value is over, the reader is stuck or at the marker, or the end of `text` may begin the
        marker inside a text. With an empty marker none is looked for.
        """
        self.is_stuck = self.at_marker = False
        index = 0
        while index < len(text) and not self.is_stuck and self._state is not State.COMPLETE:
            if self._state is State.TEXT:
                after = self._read_text(text, index, marker)
                if after == index:
                    return index
                index = after
            elif self._read(text[index]):
                index += 1
        return index

    def close(self) -> str:
        """End the value here; returns what was left out because it has no value: a key, a comma."""
        if self._state in (State.TEXT, State.ESCAPE):
            self._end_text()
        elif (self._state is State.WORD and not self._end_word()) or self._state is State.BARE_KEY:
            self._held += self._word
        left_out, self._held = self._held, ""
        while self._stack:
            self._out.append(self._stack.pop())
            self._end_value()
        self._state = State.COMPLETE
        return left_out.lstrip(",")

    def _begin_value(self) -> None:
        if self._held:
            self._out.append(self._held)
            self._held = ""

    def _end_value(self) -> None:
        self._state = State.AFTER if self._stack else State.COMPLETE

    def _fail(self) -> bool:
        self.is_stuck = True
        return False

    def _read(self, character: str) -> bool:
        """Read one character; false when it is still to be read, in another state or not at all."""
        state = self._state
        if state is State.ESCAPE:
            return self._read_escape(character)
        if state is State.WORD:
            if character in WORD_CHARACTERS:
                self._word += character
                return True
            return False if self._end_word() else self._fail()
        if state is State.BARE_KEY:
            if character in WORD_CHARACTERS:
                self._word += character
                return True
            self._held += json.dumps(self._word)
            self._state = State.COLON
            return False
        if character in WHITESPACE:
            return True
        if state is State.AFTER:
            return self._read_after(character)
        if state is State.KEY:
            return self._read_key(character)
        if state is State.COLON:
            if character != ":":
                return self._fail()
            self._held += ":"
            self._state = State.VALUE
            return True
        return self._read_value(character)

    def _read_value(self, character: str) -> bool:
        if character in "{[":
            if len(self._stack) >= MAX_DEPTH:
                return self._fail()
            self._begin_value()
            self._out.append(character)
            self._stack.append(CLOSERS[character])
            self._state = State.KEY if character == "{" else State.FIRST_ITEM
        elif character in "\"'":
            self._begin_value()
            self._begin_text(character, in_key=False)
        elif character in WORD_CHARACTERS:
            self._word = character
            self._state = State.WORD
        elif character in "}]" and self._stack:
            if self._held.endswith(":"):
                self._begin_value()
                self._out.append("null")
                self._end_value()
            return self._read_closer(character)
        elif character == "," and self._stack and self._stack[-1] == "]":
            pass
        else:
            return self._fail()
        return True

    def _read_key(self, character: str) -> bool:
        if character in "\"'":
            self._begin_text(character, in_key=True)
        elif character in "}]":
            return self._read_closer(character)
        elif character == ",":
            pass
        elif character in WORD_CHARACTERS:
            self._word = character
            self._state = State.BARE_KEY
        else:
            return self._fail()
        return True

    def _read_after(self, character: str) -> bool:
        if character in "}]":
            return self._read_closer(character)
        in_object = self._stack[-1] == "}"
        if character == ",":
            self._held = ","
            self._state = State.KEY if in_object else State.VALUE
            return True
        if character in ("\"'" if in_object else "\"'{["):
            self._held = ","
            self._state = State.KEY if in_object else State.VALUE
            return False
        return self._fail()

    def _read_closer(self, character: str) -> bool:
        if character not in self._stack:
            return self._fail()
        self._held = ""
        while True:
            closer = self._stack.pop()
            self._out.append(closer)
            self._end_value()
            if closer == character:
                return True

    def _begin_text(self, quote: str, *, in_key: bool) -> None:
        self._quote = quote
        self._in_key = in_key
        self._state = State.TEXT
        self._write('"')

    def _end_text(self) -> None:
        self._write('"')
        if self._in_key:
            self._state = State.COLON
        else:
            self._end_value()

    def _write(self, text: str) -> None:
        if self._in_key:
            self._held += text
        else:
            self._out.append(text)

    def _read_text(self, text: str, index: int, marker: str) -> int:
        """Read on inside a text; returns the index of what is still to be read."""
        end = _next_notable(text, index, marker)
        if end > index:
            self._write(text[index:end])
            return end
        character = text[index]
        if marker and character == marker[0]:
            if text.startswith(marker, index):
                self.at_marker = True
                return index
            if marker.startswith(text[index:]):
                return index
        if character == self._quote:
            self._end_text()
        elif character == "\\":
            self._state = State.ESCAPE
            self._word = ""
        elif character == '"':
            self._write('\\"')
        elif character < " ":
            self._write(json.dumps(character)[1:-1])
        else:
            self._write(character)
        return index + 1

    def _read_escape(self, character: str) -> bool:
        if self._word:
            return self._read_unicode_escape(character)
        if character == "u":
            self._word = "u"
            return True
        self._state = State.TEXT
        if character in ESCAPES:
            self._write("\\" + character)
            return True
        if character == "'":
            self._write("'")
            return True
        # No escape of JSON's: the backslash stands for itself.
        self._write("\\\\")
        return False

    def _read_unicode_escape(self, character: str) -> bool:
        if character in HEX_DIGITS:
            self._word += character
            if len(self._word) == 5:
                self._write("\\" + self._word)
                self._state = State.TEXT
            return True
        self._write("\\\\" + self._word)
        self._state = State.TEXT
        return False

    def _end_word(self) -> bool:
        value = word_value(self._word)
        if value is None:
            return False
        self._begin_value()
        self._out.append(value)
        self._end_value()
        return True


_NOTABLE: dict[str, re.Pattern[str]] = {}


def _next_notable(text: str, index: int, marker: str) -> int:
    """Where, from `index` on, a character stands that may need more than copying."""
    pattern = _NOTABLE.get(marker[:1])
    if pattern is None:
        pattern = _NOTABLE[marker[:1]] = re.compile(f"[\"'\\\\\x00-\x1f{re.escape(marker[:1])}]")
    match = pattern.search(text, index)
    return len(text) if match is None else match.start()


def repair_json(text: str) -> str | None:
    """Valid JSON for one value, with nothing but white space around it; None where it cannot be repaired."""
    reader = JsonReader()
    read = reader.feed(text)
    if reader.is_stuck or text[read:].strip():
        return None
    if not reader.is_complete and reader.close():
        return None
    return reader.take() or None
