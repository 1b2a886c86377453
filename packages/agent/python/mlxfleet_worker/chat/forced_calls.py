"""Grammars that make a model call tools, in the syntax that it knows.

What the caller compiles them with is llguidance; in the syntax here `<[5]>` is the token of that id.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from ..wire.errors import RequestError
from ..wire.frames import ToolChoice
from .forced_arguments import Tags, Tool, gemma_arguments, json_arguments, python_arguments, tagged_arguments
from .format import ChatFormat
from .grammar import ANY_TEXT, GrammarWriter, either, quoted
from .syntax import DEEPSEEK, HERMES, KIMI_K2, LLAMA, MISTRAL, JsonCalls, ParsedCalls, deepseek_token

ID = "/[a-zA-Z0-9]{9}/"
"""Mistral's ids of calls."""

MISTRAL_ID = ', "id": "'
QUOTE = '"'

TAGS = {
    "qwen3_coder": ("\n<function={name}>\n", Tags("<parameter={key}>\n", "\n</parameter>\n"), "</function>\n"),
    "glm47": ("{name}", Tags("<arg_key>{key}</arg_key><arg_value>", "</arg_value>"), ""),
    "laguna": ("{name}", Tags("<arg_key>{key}</arg_key><arg_value>", "</arg_value>"), ""),
    "longcat": (
        "{name}\n",
        Tags("<longcat_arg_key>{key}</longcat_arg_key>\n<longcat_arg_value>", "</longcat_arg_value>\n"),
        "",
    ),
    "minimax_m2": (
        '\n<invoke name="{name}">\n',
        Tags('<parameter name="{key}">', "</parameter>\n"),
        "</invoke>\n",
    ),
    "minicpm5": ('"{name}">', Tags('<param name="{key}">', "</param>"), ""),
}
"""Notations of the library's parsers with a tag for each argument: what opens a call, its arguments, what closes it."""


def tool_grammar(
    format: ChatFormat, tools: list[dict[str, Any]], tool_choice: ToolChoice, parallel: bool, in_reasoning: bool | None
) -> str | None:
    """The grammar of an answer to a request with this choice of tools; None where the answer is free.

    `required` and `named` give at least one call, or exactly the named one, after reasoning that is free; with `auto`
    the arguments of calls follow the schemas of strict tools, where there are any. `in_reasoning` tells that the prompt
    opens the reasoning, None that it has closed it. Raises RequestError where there is no such tool, or no form for it
    in the model's syntax.
    """
    is_strict = any(tool["function"].get("strict") is True for tool in tools)
    if tool_choice.mode == "none" or (tool_choice.mode == "auto" and not is_strict):
        return None
    is_free = tool_choice.mode == "auto"
    callable_tools = tools_of_choice(format, tools, tool_choice)
    if not callable_tools:
        called = f"{tool_choice.name} is none of the tools." if tool_choice.name else "There are no tools to call."
        raise RequestError(called, "tool_choice")
    writer = GrammarWriter(format.added_tokens, "tools")
    calls = Calls(format, writer, callable_tools)
    # Exactly the named call.
    parallel = parallel and tool_choice.mode != "named"
    if format.is_harmony:
        return writer.grammar(calls.harmony(is_free=is_free))
    reasoning = free_reasoning(format, writer, in_reasoning=in_reasoning)
    return writer.grammar(f"{reasoning} {calls.among_text(parallel) if is_free else calls.forced(parallel)}")


def tools_of_choice(format: ChatFormat, tools: Sequence[dict[str, Any]], tool_choice: ToolChoice) -> list[Tool]:
    """The tools that this choice allows; with `auto` arguments of tools that are not strict are free.

    Only JSON has a form for arguments of any name. In other notations they follow the schema as far as it goes. Raises
    RequestError for a schema that has to be enforced and is none of an object.
    """
    is_auto = tool_choice.mode == "auto"
    is_free = is_auto and not isinstance(format.syntax, ParsedCalls)
    return [
        Tool.of(tool, index, is_forced=not is_auto, is_free=is_free)
        for index, tool in enumerate(tools)
        if tool_choice.mode != "named" or tool["function"]["name"] == tool_choice.name
    ]


def free_reasoning(format: ChatFormat, writer: GrammarWriter, *, in_reasoning: bool | None) -> str:
    """What may stand before the answer."""
    if format.reasoning is None or in_reasoning is None:
        return ""
    rest = writer.until(format.reasoning.end) + r" /\n{0,2}/"
    return rest if in_reasoning else f"({writer.literal(format.reasoning.start)} {rest})?"


def harmony_analysis(writer: GrammarWriter) -> str:
    """The same in the messages of GPT-OSS."""
    message = f"{writer.literal('<|channel|>analysis<|message|>')} {writer.until('<|end|>')}"
    return f"({message} {writer.literal('<|start|>assistant')})*"


def _opening(tool: Tool, arguments_key: str) -> str:
    """A call as an object, up to its arguments."""
    return quoted(f'{{"name": {json.dumps(tool.name)}, "{arguments_key}": ')


class Calls:
    """The calls of some tools, in one format's syntax."""

    def __init__(self, format: ChatFormat, writer: GrammarWriter, tools: list[Tool]) -> None:
        self._format = format
        self._writer = writer
        self._tools = tools

    def forced(self, parallel: bool) -> str:
        """One call or, where that is allowed, several."""
        syntax = self._format.syntax
        if syntax == LLAMA:
            return self._llama()
        # Several blocks follow one another in some formats, in others several calls stand in one block.
        separator, one_block = self._layout()
        body = self._body(parallel and one_block)
        block = self._writer.rule(f"{self._writer.literal(syntax.start)} {body}")
        if not parallel or one_block:
            return block
        return f"{block} ({quoted(separator)} {block})*" if separator else f"{block}+"

    def among_text(self, parallel: bool) -> str:
        """Text with calls in it."""
        syntax = self._format.syntax
        if syntax == LLAMA:
            return f"({self._llama()} | /(\\s*[^{{\\s](?s:.*))?/)"
        _, one_block = self._layout()
        call = f"{self._writer.until(syntax.start)} {self._body(parallel and one_block)}"
        return f"({call}){'*' if parallel else '?'} {ANY_TEXT}"

    def harmony_call(self) -> str:
        """One call as a message of GPT-OSS, from behind its role."""
        writer = self._writer
        channel, message = writer.literal("<|channel|>"), writer.literal("<|message|>")
        type_ = f"({writer.literal(' <|constrain|>json')} | {quoted(' json')})"
        calls = []
        for tool in self._tools:
            to, arguments = quoted(f" to=functions.{tool.name}"), json_arguments(writer, tool)
            by_role = f"{to} {channel} {quoted('commentary')} {type_}"
            by_channel = f"{channel} {quoted('commentary')} {to} {type_}"
            calls.append(f"({by_role} | {by_channel}) {message} {arguments}")
        return writer.rule(either(calls))

    def harmony(self, *, is_free: bool) -> str:
        """Messages, the last of which is a call, or is one or none with `is_free`."""
        writer, call = self._writer, self.harmony_call()
        if not is_free:
            return f"{harmony_analysis(writer)} {call}"
        channel, message = writer.literal("<|channel|>"), writer.literal("<|message|>")
        start, end = writer.literal("<|start|>assistant"), writer.literal("<|end|>")
        spoken = f'{channel} ("analysis" | "commentary" | "final") {message} {ANY_TEXT}'
        return f"({spoken} {end} {start})* ({call} | {spoken})"

    def _llama(self) -> str:
        tag = self._writer.literal(LLAMA.start)
        calls = [
            f"{_opening(tool, 'parameters')} {json_arguments(self._writer, tool)} {quoted('}')}" for tool in self._tools
        ]
        return f"({tag})? {self._writer.rule(either(calls))}"

    def _layout(self) -> tuple[str, bool]:
        """What stands between two blocks, and whether several calls stand in one block instead."""
        syntax = self._format.syntax
        if isinstance(syntax, ParsedCalls):
            return ("\n" if syntax.module == "qwen3_coder" else ""), syntax.module in ("pythonic", "minimax_m2")
        if syntax == MISTRAL:
            return "", not self._has_argument_marker()
        return "\n", syntax != HERMES

    def _body(self, several: bool) -> str:
        """What follows the marker that begins the calls, with the marker that ends them."""
        syntax = self._format.syntax
        body = self._parsed(syntax, several) if isinstance(syntax, ParsedCalls) else self._json(syntax, several)
        return f"{body} {self._writer.literal(syntax.end)}" if syntax.end else body

    def _json(self, syntax: JsonCalls, several: bool) -> str:
        writer = self._writer
        if syntax == HERMES:
            return f'"\\n" {self._objects("")} "\\n"'
        if syntax == MISTRAL and self._has_argument_marker():
            has_ids = "[CALL_ID]" in self._format.template.source
            id = f"{writer.literal('[CALL_ID]')} {ID}" if has_ids else ""
            return self._each(lambda tool: f"{quoted(tool.name)} {id} {writer.literal('[ARGS]')}", "")
        if syntax == MISTRAL:
            id = f"({quoted(MISTRAL_ID)} {ID} {quoted(QUOTE)})?"
            return f'" "? "[" {self._list(self._objects(id), several, ", ")} "]"'
        if syntax == KIMI_K2:
            opener, middle = writer.literal("<|tool_call_begin|>"), writer.literal("<|tool_call_argument_begin|>")
            call = self._each(
                lambda tool: f"{opener} {quoted(f'functions.{tool.name}:')} /[0-9]{{1,3}}/ {middle}",
                writer.literal("<|tool_call_end|>"),
            )
            return self._list(call, several, "")
        if syntax == DEEPSEEK:
            return self._list(self._deepseek(), several, "")
        return f'"[" {self._list(self._objects(""), several, ", ")} "]"'

    def _deepseek(self) -> str:
        literal = self._writer.literal
        opener, separator, closer = map(deepseek_token, ("tool▁call▁begin", "tool▁sep", "tool▁call▁end"))
        if "```json" in self._format.template.source:
            return self._each(
                lambda tool: literal(f"{opener}function{separator}{tool.name}\n```json\n"), literal(f"\n```{closer}")
            )
        return self._each(lambda tool: literal(f"{opener}{tool.name}{separator}"), literal(closer))

    def _parsed(self, syntax: ParsedCalls, several: bool) -> str:
        writer, module = self._writer, syntax.module
        if module in TAGS:
            opening, tags, closing = TAGS[module]
            calls = [
                f"{writer.literal(opening.format(name=tool.name))} {tagged_arguments(writer, tool, tags)} "
                f"{writer.literal(closing)}"
                for tool in self._tools
            ]
            return self._list(writer.rule(either(calls)), several, "")
        if module == "pythonic":
            calls = [f'{quoted(f"{tool.name}(")} {python_arguments(writer, tool)} ")"' for tool in self._tools]
            return f'"[" {self._list(writer.rule(either(calls)), several, ", ")} "]"'
        if module in ("function_gemma", "gemma4"):
            quote = '<|"|>' if module == "gemma4" else "<escape>"
            calls = [f"{quoted(f'call:{tool.name}')} {gemma_arguments(writer, tool, quote)}" for tool in self._tools]
            return writer.rule(either(calls))
        raise RequestError("Calls of tools cannot be forced in this model's format.", "tool_choice")

    def _objects(self, extra: str) -> str:
        """One call as an object with name and arguments."""
        return self._each(lambda tool: _opening(tool, "arguments"), f"{extra} {quoted('}')}")

    def _each(self, opening: Callable[[Tool], str], closing: str) -> str:
        """One call of any tool: what opens it, its arguments as JSON, what closes it."""
        calls = [f"{opening(tool)} {json_arguments(self._writer, tool)} {closing}" for tool in self._tools]
        return self._writer.rule(either(calls))

    @staticmethod
    def _list(call: str, several: bool, separator: str) -> str:
        if not several:
            return call
        return f"{call} ({quoted(separator)} {call})*" if separator else f"{call}+"

    def _has_argument_marker(self) -> bool:
        return "[ARGS]" in self._format.template.source
