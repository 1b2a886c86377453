"""Grammars of answers in JSON: what may stand before the JSON, and calls that may come in its place."""

from collections.abc import Sequence
from typing import Any

from ..wire.frames import ToolChoice
from .forced_calls import Calls, free_reasoning, harmony_analysis, tools_of_choice
from .format import ChatFormat
from .grammar import GrammarWriter
from .syntax import ParsedCalls


def answer_grammar(
    format: ChatFormat,
    schema: dict[str, Any] | None,
    in_reasoning: bool | None,
    tools: Sequence[dict[str, Any]] = (),
    *,
    parallel: bool = True,
) -> str:
    """The grammar of an answer that is JSON of this schema, or any object without one, after reasoning that is free.

    With tools it may be calls of them instead, whose arguments follow the schemas of strict tools and else are free.
    `in_reasoning` tells that the prompt opens the reasoning, None that it has closed it. Raises RequestError for a
    schema that cannot be kept to, and for strict tools that have no form in the model's syntax.
    """
    writer = GrammarWriter(format.added_tokens, "tools")
    answer = writer.json({"type": "object"} if schema is None else schema, is_lenient=False, param="response_format")
    if format.is_harmony:
        type_ = f"({writer.literal(' <|constrain|>json')})?"
        answer = f"{writer.literal('<|channel|>final')} {type_} {writer.literal('<|message|>')} {answer}"
    if tools:
        answer = f"({answer} | {_calls(format, writer, tools, parallel)})"
    if format.is_harmony:
        return writer.grammar(f"{harmony_analysis(writer)} {answer}")
    return writer.grammar(f"{free_reasoning(format, writer, in_reasoning=in_reasoning)} {answer}")


def _calls(format: ChatFormat, writer: GrammarWriter, tools: Sequence[dict[str, Any]], parallel: bool) -> str:
    """One call or more, without any text beside them."""
    syntax = format.syntax
    is_strict = any(tool["function"].get("strict") is True for tool in tools)
    if isinstance(syntax, ParsedCalls) and not is_strict:
        block = f"{writer.literal(syntax.start)} {writer.anything_until(syntax.end, format.end_tokens)}"
        return f"({block})+" if parallel and syntax.end else block
    calls = Calls(format, writer, tools_of_choice(format, tools, ToolChoice("auto")))
    return calls.harmony_call() if format.is_harmony else calls.forced(parallel)
