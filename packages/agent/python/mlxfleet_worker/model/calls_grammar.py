"""Grammars of answers with calls: made, compiled, and what is wrong with one told of the tool at fault."""

import time
from typing import Any

from ..chat.forced_calls import tool_grammar, tools_of_choice
from ..chat.format import ChatFormat
from ..constraints.grammar import Grammar, GrammarFactory
from ..wire.errors import RequestError
from ..wire.frames import JsonConstraint, ToolChoice

SECONDS_FOR_THE_FAULT = 2.0
"""For how long tools are tried alone: there may be 128 of them, each of which may take a second."""


def compile_calls(
    grammars: GrammarFactory,
    format: ChatFormat,
    tools: list[dict[str, Any]],
    choice: ToolChoice,
    parallel: bool,
    in_reasoning: bool | None,
) -> Grammar | None:
    """The grammar that `tool_grammar` writes, compiled; None where the answer is free.

    Raises RequestError that names the tool whose parameters cannot be enforced.
    """
    text = tool_grammar(format, tools, choice, parallel, in_reasoning)
    return None if text is None else compile_with_tools(grammars, text, format, tools, choice)


def compile_with_tools(
    grammars: GrammarFactory,
    text: str,
    format: ChatFormat,
    tools: list[dict[str, Any]],
    choice: ToolChoice,
    seconds: float = SECONDS_FOR_THE_FAULT,
) -> Grammar:
    """Compile a grammar with calls of these tools.

    Raises RequestError that names the tool at fault, if it is one alone and found in so many seconds.
    """
    try:
        return grammars.lark(text, "tools")
    except RequestError:
        end = time.perf_counter() + seconds
        for tool in tools_of_choice(format, tools, choice):
            if tool.is_enforced and time.perf_counter() < end:
                grammars.json(JsonConstraint(tool.schema), tool.param)
        raise
