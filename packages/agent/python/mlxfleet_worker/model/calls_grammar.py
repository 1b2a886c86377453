"""Grammars of answers with calls: made, compiled, and what is wrong with one told of the tool at fault."""

from typing import Any

from ..chat.forced_calls import tool_grammar, tools_of_choice
from ..chat.format import ChatFormat
from ..constraints.grammar import Grammar, GrammarFactory
from ..wire.errors import RequestError
from ..wire.frames import JsonConstraint, ToolChoice


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
    grammars: GrammarFactory, text: str, format: ChatFormat, tools: list[dict[str, Any]], choice: ToolChoice
) -> Grammar:
    """Compile a grammar with calls of these tools. Raises RequestError that names the one at fault, if it is one."""
    try:
        return grammars.lark(text, "tools")
    except RequestError:
        for tool in tools_of_choice(format, tools, choice):
            if tool.is_enforced:
                grammars.json(JsonConstraint(tool.schema), tool.param)
        raise
