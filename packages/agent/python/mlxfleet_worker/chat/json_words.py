"""Words and numbers outside of quotes, as models write them, in JSON."""

import re

PLAIN_WORDS = {
    "true": "true",
    "false": "false",
    "null": "null",
    "True": "true",
    "False": "false",
    "None": "null",
    "undefined": "null",
    "NaN": "null",
    "nan": "null",
    "Infinity": "null",
    "-Infinity": "null",
}
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?")
LOOSE_NUMBER = re.compile(r"([-+]?)([0-9]*)(?:\.([0-9]*))?([eE][-+]?[0-9]+)?")


def word_value(word: str) -> str | None:
    """The JSON of a word outside of quotes, or None for one that means nothing."""
    if word in PLAIN_WORDS:
        return PLAIN_WORDS[word]
    if NUMBER.fullmatch(word):
        return word
    match = LOOSE_NUMBER.fullmatch(word)
    if match is None:
        return None
    sign, whole, fraction, exponent = match.groups()
    if not whole and not fraction:
        return None
    loose = ("-" if sign == "-" else "") + (whole.lstrip("0") or "0") + (f".{fraction}" if fraction else "")
    return loose + (exponent or "")
