"""What one grammar may cost. A client writes the schema, so each of these is met by somebody who wants it to be."""

from llguidance import LLParserLimits

MAX_GRAMMAR_CHARACTERS = 1_000_000
MAX_SCHEMA_CHARACTERS = 250_000
"""Twice what OpenAI takes in names and enum values together."""

MAX_SCHEMA_DEPTH = 100
"""Objects and arrays inside one another; llguidance's JSON parser ends at 128, a few of which are the grammar's."""

MAX_TRIAL_SECONDS = 1.0
"""Processor time for compiling a grammar and its first steps. A large but honest schema takes a tenth of it."""

MAX_TRIAL_WALL_SECONDS = 20.0
"""When a trial is given up because it gets no processor time."""

MAX_TRIAL_BYTES = 1 << 29
"""Memory that a trial may take, where the system enforces it (Linux)."""

TRIAL_STACK_BYTES = 1536 * 1024
"""Less than the smallest stack that the preparing thread may have: 2 MiB with glibc and no stack limit."""

MAX_LEXER_STATES = 50_000
"""States are made while decoding, shared by all completions of a grammar and never freed: about 0.6 kB each."""


def parser_limits() -> LLParserLimits:
    """The limits that llguidance checks itself. Those on the work of one step stay as they are: about 15 ms."""
    # Verbose errors quote the completion.
    return LLParserLimits(max_lexer_states=MAX_LEXER_STATES, verbose_errors=False)
