"""What llguidance says of a grammar that it refuses, in plain words and without the grammar."""

import json
import re

SCHEMA_MARK = "failed to compile JSON schema: "
TOO_COMPLEX = "it is too large or too complex"


def plain_reason(error: str) -> str:
    """One short clause without a full stop, such as "the keyword not is not supported"."""
    is_schema = SCHEMA_MARK in error
    reason = error.partition(SCHEMA_MARK)[2] if is_schema else re.sub(r"^at \d+\(\d+\): ", "", error)
    if match := re.match(r"Unimplemented keys: (\[.*\])", reason):
        names = json.loads(match[1])
        return f"the keyword{'s' if len(names) > 1 else ''} {', '.join(names)} cannot be enforced"
    if match := re.match(r"Unknown format: (.*)", reason):
        return f"the format {match[1][:80]} cannot be enforced"
    if match := re.match(r"Unsatisfiable schema: (.*)", reason):
        return f"no value satisfies it ({match[1][:120]})"
    if match := re.search(r"regex parse error:.*^error: (.*?)$", reason, re.DOTALL | re.MULTILINE):
        return f"a pattern cannot be enforced ({match[1][:120]})"
    if reason.startswith("oneOf constraints are not supported"):
        return "oneOf cannot be enforced where options may overlap; anyOf can"
    if reason.startswith("Failed to generate regex for"):
        return "the bounds of a number cannot be enforced"
    if re.search(r"too (large|big|many|complex)|limit|exceeded|items; max|Unable to determine if regex", reason):
        return TOO_COMPLEX
    if reason.startswith("panic"):
        return "it is malformed"
    first_line = reason.splitlines()[0].strip() if reason.strip() else "it is malformed"
    return first_line[:200].rstrip(".")
