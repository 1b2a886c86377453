"""Whatever a model draws under the grammar of a forced call, it comes out as a call that follows the tool's schema."""

import json
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from chat_answers import CLOCK, load_chat
from chat_draws import (
    FAMILIES,
    PARSED,
    REASONING,
    accepts,
    check_weather,
    close_factories,
    drawn_answers,
    make_factory,
    weather,
)
from mlxfleet_worker.chat.forced_calls import tool_grammar
from mlxfleet_worker.chat.format import ChatFormat
from mlxfleet_worker.model.calls_grammar import compile_calls, compile_with_tools
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import NO_TOOLS, ToolChoice

REQUIRED, NAMED, AUTO = ToolChoice("required"), ToolChoice("named", "get_weather"), ToolChoice("auto")
NESTED: dict[str, Any] = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "parameters": {
            "type": "object",
            "properties": {
                "tags": {"type": "array", "items": {"type": "string", "maxLength": 3}},
                "place": {
                    "type": "object",
                    "properties": {
                        "at": {"type": "number", "minimum": -1000, "maximum": 1000},
                        "name": {"type": ["string", "null"], "maxLength": 4},
                    },
                    "required": ["at"],
                    "additionalProperties": False,
                },
            },
            "required": ["place"],
        },
    },
}
"""Lists and objects inside the arguments."""


@pytest.fixture(scope="module", autouse=True)
def _close_factories() -> Iterator[None]:
    yield
    close_factories()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_required_call_comes(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tools = [weather(), CLOCK]
    grammar = tool_grammar(load_chat(folder)[1], tools, REQUIRED, True, False)
    assert grammar is not None
    names = set()
    for answer in drawn_answers(folder, grammar, tools):
        assert answer.calls
        assert answer.text.strip() == ""
        for name, arguments in answer.calls:
            names.add(name)
            if name == "get_weather":
                check_weather(arguments)
            else:
                assert (name, arguments) == ("now", "{}")
    assert names == {"get_weather", "now"}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("parallel", [True, False])
def test_the_named_call_comes_once(chat_models: Path, family: str, parallel: bool) -> None:
    folder = chat_models / family
    tools = [weather(), CLOCK]
    grammar = tool_grammar(load_chat(folder)[1], tools, NAMED, parallel, False)
    assert grammar is not None
    for answer in drawn_answers(folder, grammar, tools, count=6):
        ((name, arguments),) = answer.calls
        assert name == "get_weather"
        check_weather(arguments)
        assert answer.text.strip() == ""


@pytest.mark.parametrize("family", ["qwen3", "mistral_v3", "mistral_v11", "function_gemma", "deepseek", "pythonic"])
def test_several_calls_come_only_where_they_may(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tools = [weather(), CLOCK]
    counts = {}
    for parallel in (True, False):
        grammar = tool_grammar(load_chat(folder)[1], tools, REQUIRED, parallel, False)
        assert grammar is not None
        counts[parallel] = {len(answer.calls) for answer in drawn_answers(folder, grammar, tools)}
    assert max(counts[True]) > 1
    assert counts[False] == {1}


@pytest.mark.parametrize("family", FAMILIES)
def test_nested_arguments(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tool = deepcopy(NESTED)
    if "gemma" in family:
        # Its notation has no form for them.
        at = tool["function"]["parameters"]["properties"]["place"]["properties"]["at"]
        del at["minimum"], at["maximum"]
    grammar = tool_grammar(load_chat(folder)[1], [tool], NAMED, False, False)
    assert grammar is not None
    for answer in drawn_answers(folder, grammar, [tool], count=8):
        given = json.loads(answer.calls[0][1])
        assert isinstance(given["place"]["at"], int | float)
        assert set(given["place"]) <= {"at", "name"}
        assert isinstance(given["place"].get("name", ""), str | None)
        assert all(isinstance(tag, str) for tag in given.get("tags", []))


@pytest.mark.parametrize("family", REASONING)
def test_a_call_follows_the_reasoning_that_the_prompt_opened(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    grammar = tool_grammar(load_chat(folder)[1], [CLOCK], REQUIRED, False, True)
    assert grammar is not None
    answers = list(drawn_answers(folder, grammar, [CLOCK], in_reasoning=True))
    assert all(answer.calls == [("now", "{}")] and answer.text.strip() == "" for answer in answers)
    assert any(answer.reasoning for answer in answers)


def test_gpt_oss_reasons_before_it_calls(chat_models: Path) -> None:
    folder = chat_models / "gpt_oss"
    grammar = tool_grammar(load_chat(folder)[1], [CLOCK], REQUIRED, False, False)
    assert grammar is not None
    answers = list(drawn_answers(folder, grammar, [CLOCK]))
    assert any(answer.reasoning for answer in answers)
    assert all(answer.calls == [("now", "{}")] for answer in answers)


@pytest.mark.parametrize("family", FAMILIES)
def test_strict_tools_are_followed_where_calls_are_free(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tools = [weather(strict=True), CLOCK]
    grammar = tool_grammar(load_chat(folder)[1], tools, AUTO, True, False)
    assert grammar is not None
    found = 0
    # Where the marker is no token of its own, nobody spells it by chance.
    begin = "Well. <tool_call>" if family == "gemma3" else ""
    for answer in drawn_answers(folder, grammar, tools, count=25, begin=begin):
        for name, arguments in answer.calls:
            found += 1
            if name == "get_weather":
                check_weather(arguments)
    assert found


@pytest.mark.parametrize("family", PARSED)
def test_free_tools_beside_strict_ones_keep_their_arguments(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    strict = {"type": "function", "function": {**CLOCK["function"], "strict": True}}
    grammar = tool_grammar(load_chat(folder)[1], [weather(), strict], AUTO, True, False)
    assert grammar is not None
    assert accepts(folder, grammar, PARSED[family])
    assert accepts(folder, grammar, f"Well. {PARSED[family]}")
    assert not accepts(folder, grammar, PARSED[family].replace("get_weather", "get_time"))


class TestFreeAndRefused:
    """Requests without a grammar, and those that cannot have one."""

    @staticmethod
    def format(chat_models: Path, family: str) -> ChatFormat:
        return load_chat(chat_models / family)[1]

    def test_free_choices_have_no_grammar(self, chat_models: Path) -> None:
        format = self.format(chat_models, "qwen3")
        assert tool_grammar(format, [weather()], AUTO, True, False) is None
        assert tool_grammar(format, [weather(strict=True)], NO_TOOLS, True, False) is None
        assert tool_grammar(format, [], AUTO, True, False) is None

    @pytest.mark.parametrize(
        ("tools", "choice"), [([], REQUIRED), ([], NAMED), ([CLOCK], NAMED), ([weather()], ToolChoice("named", "now"))]
    )
    def test_there_has_to_be_a_tool(self, chat_models: Path, tools: list[dict[str, Any]], choice: ToolChoice) -> None:
        with pytest.raises(RequestError) as refused:
            tool_grammar(self.format(chat_models, "qwen3"), tools, choice, True, False)
        assert refused.value.param == "tool_choice"

    @pytest.mark.parametrize("family", ["gemma4", "qwen3_coder", "pythonic"])
    def test_schemas_without_a_form_are_refused(self, chat_models: Path, family: str) -> None:
        function = {"name": "f", "parameters": {"type": "object", "anyOf": [{"properties": {"a": {"type": "string"}}}]}}
        with pytest.raises(RequestError) as refused:
            tool_grammar(
                self.format(chat_models, family), [{"type": "function", "function": function}], REQUIRED, True, False
            )
        assert (refused.value.param, "anyOf" in refused.value.message) == ("tools.0.function.parameters", True)

    def test_a_strict_schema_beyond_the_notation_is_refused(self, chat_models: Path) -> None:
        tool = weather(strict=True)
        tool["function"]["parameters"]["properties"]["city"]["pattern"] = "^[a-z]+$"
        with pytest.raises(RequestError) as refused:
            tool_grammar(self.format(chat_models, "gemma4"), [tool], REQUIRED, True, False)
        assert (refused.value.param, "pattern" in refused.value.message) == ("tools.0.function.parameters", True)
        assert tool_grammar(self.format(chat_models, "qwen3"), [tool], REQUIRED, True, False)

    def test_a_schema_too_deep_is_refused(self, chat_models: Path) -> None:
        deep: dict[str, Any] = {"type": "object", "properties": {}}
        for _ in range(200):
            deep = {"type": "object", "properties": {"a": deep}}
        for family in ("qwen3", "gpt_oss", "llama3"):
            with pytest.raises(RequestError) as refused:
                tool_grammar(
                    self.format(chat_models, family),
                    [{"type": "function", "function": {"name": "f", "parameters": deep}}],
                    REQUIRED,
                    True,
                    False,
                )
            assert refused.value.param == "tools.0.function.parameters"


def of(parameters: Any, **more: Any) -> dict[str, Any]:
    """A tool with these parameters."""
    return {"type": "function", "function": {"name": "f", "parameters": parameters, **more}}


def within(schema: Any) -> dict[str, Any]:
    """Parameters with one argument of this schema, which has to be there."""
    return {"type": "object", "properties": {"a": schema}, "required": ["a"]}


UNENFORCEABLE = {
    "no type": ({"type": "oops"}, "'oops' is no type"),
    "no object": ({"type": "array"}, "an object"),
    "no object in a list": ({"type": ["array", "null"]}, "an object"),
    "an argument of no type": (within({"type": "oops"}), "oops"),
    "an unknown keyword": (within({"not": {}}), "not"),
    "a keyword of lists": (within({"type": "array", "items": {"type": "string"}, "uniqueItems": True}), "uniqueItems"),
    "required is no list": ({"type": "object", "properties": {}, "required": 5}, "required"),
    "properties are no object": ({"type": "object", "properties": []}, "properties"),
    "a reference to elsewhere": (within({"$ref": "http://x/y"}), ""),
}


@pytest.mark.parametrize("family", ["qwen3", "gpt_oss", "gemma4", "qwen3_coder", "pythonic"])
@pytest.mark.parametrize(("choice", "more"), [(REQUIRED, {}), (ToolChoice("named", "f"), {}), (AUTO, {"strict": True})])
@pytest.mark.parametrize("case", UNENFORCEABLE)
def test_parameters_that_cannot_be_enforced_are_refused_by_name(
    chat_models: Path, family: str, choice: ToolChoice, more: dict[str, Any], case: str
) -> None:
    parameters, reason = UNENFORCEABLE[case]
    format = load_chat(chat_models / family)[1]
    tools = [weather(), of(parameters, **more)]
    with pytest.raises(RequestError) as refused:
        compile_calls(make_factory(chat_models / family), format, tools, choice, True, False)
    assert refused.value.param == "tools.1.function.parameters"
    assert "tools[1].function.parameters" in refused.value.message
    assert reason in refused.value.message


def test_the_tool_at_fault_is_not_looked_for_for_ever(chat_models: Path) -> None:
    folder = chat_models / "qwen3"
    tools = [CLOCK, of(within({"not": {}}))]
    format = load_chat(folder)[1]
    text = tool_grammar(format, tools, REQUIRED, True, False)
    assert text is not None
    params = []
    for seconds in (0, 20):
        with pytest.raises(RequestError, match="not cannot be enforced") as refused:
            compile_with_tools(make_factory(folder), text, format, tools, REQUIRED, seconds)
        params.append(refused.value.param)
    assert params == ["tools", "tools.1.function.parameters"]


@pytest.mark.parametrize("family", ["qwen3", "gemma4", "qwen3_coder", "pythonic"])
def test_free_tools_beside_strict_ones_may_have_any_schema(chat_models: Path, family: str) -> None:
    format = load_chat(chat_models / family)[1]
    tools = [weather(strict=True), of(within({"type": "string", "not": {}}))]
    assert compile_calls(make_factory(chat_models / family), format, tools, AUTO, True, False)


@pytest.mark.parametrize("family", ["gemma4", "qwen3_coder", "pythonic"])
@pytest.mark.parametrize(
    "parameters",
    [{"properties": {"a": {}}, "required": 5}, {"properties": 5}, within({"type": 5}), within({"anyOf": 5})],
)
def test_malformed_tools_beside_strict_ones_are_the_clients_fault(
    chat_models: Path, family: str, parameters: dict[str, Any]
) -> None:
    format = load_chat(chat_models / family)[1]
    with pytest.raises(RequestError) as refused:
        tool_grammar(format, [weather(strict=True), of(parameters)], AUTO, True, False)
    assert refused.value.param == "tools.1.function.parameters"


@pytest.mark.parametrize("family", ["gemma4", "qwen3_coder", "qwen3"])
def test_a_text_or_null_can_be_enforced(chat_models: Path, family: str) -> None:
    format = load_chat(chat_models / family)[1]
    optional = {"anyOf": [{"type": "string"}, {"type": "null"}], "default": None, "title": "A"}
    assert compile_calls(make_factory(chat_models / family), format, [of(within(optional))], REQUIRED, True, False)


@pytest.mark.parametrize("family", FAMILIES)
def test_names_with_hyphens(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tool = {"type": "function", "function": {"name": "a-b_2", "parameters": {"type": "object", "properties": {}}}}
    if family == "pythonic":
        with pytest.raises(RequestError, match="a-b_2"):
            tool_grammar(load_chat(folder)[1], [tool], REQUIRED, False, False)
        return
    grammar = tool_grammar(load_chat(folder)[1], [tool], REQUIRED, False, False)
    assert grammar is not None
    assert {answer.calls[0] for answer in drawn_answers(folder, grammar, [tool], count=6)} == {("a-b_2", "{}")}
