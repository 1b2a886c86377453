"""Writes grammars in llguidance's dialect of Lark."""

import json
import re
from collections.abc import Collection, Sequence
from typing import Any

from ..constraints.schema import schema_text

ANY_TEXT = "/(?s:.*)/"


class GrammarWriter:
    """Collects rules. The expressions that its methods return may stand in any rule."""

    def __init__(self, added_tokens: dict[str, int], param: str) -> None:
        """Write for a tokenizer in which these texts are tokens of their own; `param` is where schemas come from."""
        self._param = param
        self._ids = added_tokens
        longest_first = sorted(added_tokens, key=len, reverse=True)
        self._added = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._rules: list[str] = []

    def grammar(self, start: str) -> str:
        """The whole grammar, beginning with this expression."""
        return "\n".join([f"start: {start}", *self._rules]) + "\n"

    def rule(self, expression: str, options: str = "") -> str:
        """Give an expression a name, and return that."""
        name = f"rule_{len(self._rules)}"
        self._rules.append(f"{name}{options}: {expression}")
        return name

    def literal(self, text: str) -> str:
        """Exactly this text, with the tokens of their own that it has."""
        return " ".join(self._pieces(text)) or '""'

    def until(self, marker: str) -> str:
        """Any text up to and with the first marker."""
        first, *rest = self._pieces(marker)
        if first.startswith("<["):
            return self.rule(" ".join([ANY_TEXT, first, *rest]))
        text: str = json.loads(first)
        return " ".join([self.rule(f"/(?s:.*){pattern(text)}/", "[lazy]"), *rest])

    def anything_until(self, marker: str, end_tokens: Collection[int]) -> str:
        """Text and tokens of their own up to and with the first marker, or as far as they go where that is empty.

        Tokens that end the answer are none of them. A marker that begins with no token of its own has only text before
        it.
        """
        first, *rest = self._pieces(marker) or [""]
        if first and not first.startswith("<["):
            return self.until(marker)
        others = sorted(id for id in self._ids.values() if f"<[{id}]>" != first and id not in end_tokens)
        tokens = "".join(f" | <[{id}]>" for id in others)
        return " ".join([self.rule(f"(/(?s:.+)/{tokens})*"), first, *rest]).rstrip()

    def json(self, schema: dict[str, Any], *, is_lenient: bool, param: str | None = None) -> str:
        """JSON of this schema; keywords that llguidance does not know are ignored with `is_lenient`.

        Raises RequestError, which names the writer's parameter or `param`, for a schema that cannot be kept to.
        """
        return self.rule(f"%json {schema_text(schema, param or self._param, is_lenient=is_lenient)}")

    def _pieces(self, text: str) -> list[str]:
        pieces: list[str] = []
        done = 0
        for match in self._added.finditer(text):
            if match.start() > done:
                pieces.append(quoted(text[done : match.start()]))
            pieces.append(f"<[{self._ids[match[0]]}]>")
            done = match.end()
        if done < len(text):
            pieces.append(quoted(text[done:]))
        return pieces


def quoted(text: str) -> str:
    """A terminal of exactly this text."""
    return json.dumps(text, ensure_ascii=False)


def pattern(text: str) -> str:
    """A regular expression for exactly this text, as it stands between slashes."""
    return re.sub(r"([^\w\s<>\"'=:,;-])", r"\\\1", text).replace("\n", r"\n")


def either(expressions: Sequence[str]) -> str:
    """Any one of some expressions."""
    return expressions[0] if len(expressions) == 1 else f"({' | '.join(expressions)})"


def members(writer: GrammarWriter, each: Sequence[tuple[str, bool]], separator: str) -> str:
    """Expressions in their order, of which those with true have to be there, with a separator between any two."""
    after_one = ""
    at_start = ""
    for expression, is_required in reversed(each):
        further = f"{quoted(separator)} {expression} {after_one}" if separator else f"{expression} {after_one}"
        first = f"{expression} {after_one}"
        if is_required:
            after_one, at_start = writer.rule(further), writer.rule(first)
        else:
            after_one, at_start = (
                writer.rule(f"{further} | {after_one or quoted('')}"),
                writer.rule(f"{first} | {at_start or quoted('')}"),
            )
    return at_start or quoted("")
