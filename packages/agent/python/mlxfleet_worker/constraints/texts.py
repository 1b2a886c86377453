"""Formats and patterns of texts as JSON Schema means them, where llguidance takes more.

Its dates have a 29th of February in every year, and its times a second 60 in every minute, which validators refuse. Its
dot takes line ends that the dot of ECMA-262, whose regular expressions JSON Schema has, does not.
"""

import re
from typing import Any

YEAR = r"([1-9]\d{3}|0[1-9]\d{2}|00[1-9]\d|000[1-9])"
"""Without 0000, which few programs know."""

LEAP_YEAR = r"(\d{2}(0[48]|[2468][048]|[13579][26])|(0[48]|[2468][048]|[13579][26])00)"
DAY = r"(0[1-9]|1\d|2[0-8])"
MONTH_AND_DAY = rf"((0[13578]|1[02])-({DAY}|29|30|31)|(0[469]|11)-({DAY}|29|30)|02-{DAY})"
"""Of a year without a leap day."""

DATE = rf"({YEAR}-{MONTH_AND_DAY}|{LEAP_YEAR}-02-29)"
HOUR_MINUTE = r"([01]\d|2[0-3]):[0-5]\d"
TIME = rf"{HOUR_MINUTE}:[0-5]\d(\.\d{{1,9}})?(Z|[+-]{HOUR_MINUTE})"
PATTERNS = {"date": f"^{DATE}$", "time": f"^{TIME}$", "date-time": f"^{DATE}T{TIME}$"}
"""RFC 3339, section 5.6, without leap seconds, and with capital letters as nearly everybody writes them."""

NO_LINE_END = r"[^\n\r\u2028\u2029]"

_piece = re.compile(r"\\.|\[(?:\\.|[^\]\\])*\]|\.", re.DOTALL)
"""An escaped character, a class, or a dot."""


def make_exact(schema: dict[str, Any]) -> None:
    """Rewrite one schema, not those in it, so that llguidance takes no more than JSON Schema."""
    pattern = schema.get("pattern")
    if isinstance(pattern, str):
        schema["pattern"] = pattern = _piece.sub(lambda found: NO_LINE_END if found[0] == "." else found[0], pattern)
    name = schema.get("format")
    if not isinstance(name, str) or name not in PATTERNS or not isinstance(pattern, str | None):
        return
    del schema["format"]
    if pattern is None:
        schema["pattern"] = PATTERNS[name]
    else:
        others = schema.get("allOf")
        schema["allOf"] = [*(others if isinstance(others, list) else []), {"pattern": PATTERNS[name]}]
