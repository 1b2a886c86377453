"""Answers that have to be JSON: free reasoning before it, and calls in its place where the model may choose."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from chat_answers import CLOCK, load_chat, read_tokens
from chat_draws import (
    FAMILIES,
    PARSED,
    REASONING,
    accepts,
    check_weather,
    close_factories,
    drawn_answers,
    weather,
)
from mlxfleet_worker.chat.answer_grammar import answer_grammar
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import NO_TOOLS
from mlxfleet_worker.wire.prompts import ChatPrompt

SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}
ARGUMENTS = {"city": "Oslo", "unit": "c"}


@pytest.fixture(scope="module", autouse=True)
def _close_factories() -> Iterator[None]:
    yield
    close_factories()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("opened", [False, True])
def test_json_follows_free_reasoning(chat_models: Path, family: str, opened: bool) -> None:
    folder = chat_models / family
    if opened and family not in REASONING:
        return
    grammar = answer_grammar(load_chat(folder)[1], SCHEMA, opened)
    reasoned = False
    for answer in drawn_answers(folder, grammar, [], in_reasoning=opened):
        assert isinstance(json.loads(answer.text)["a"], int)
        assert not answer.calls
        reasoned = reasoned or bool(answer.reasoning)
    assert reasoned is (family in REASONING or family == "gpt_oss")


def test_any_object_without_a_schema(chat_models: Path) -> None:
    folder = chat_models / "qwen3"
    grammar = answer_grammar(load_chat(folder)[1], None, False)
    assert accepts(folder, grammar, '<think>\nWell.\n</think>\n\n{"b": [1]}')
    assert not accepts(folder, grammar, "[1]")


def test_reasoning_that_the_prompt_has_closed_does_not_begin_again(chat_models: Path) -> None:
    folder = chat_models / "qwen3"
    format = load_chat(folder)[1]
    messages = [{"role": "user", "content": "A number, please."}]
    reasoned = '<think>\nWell.\n</think>\n\n{"a": 1}'
    for options, has_reasoned in (({}, False), ({"enable_thinking": True}, False), ({"enable_thinking": False}, True)):
        prompt = format.render(ChatPrompt(messages, options), NO_TOOLS)
        assert format.has_reasoned(prompt) is has_reasoned
        grammar = answer_grammar(format, SCHEMA, None if has_reasoned else format.opens_reasoning(prompt))
        assert accepts(folder, grammar, '{"a": 1}')
        assert accepts(folder, grammar, reasoned) is not has_reasoned


def test_gpt_oss_may_say_that_it_writes_json(chat_models: Path) -> None:
    folder = chat_models / "gpt_oss"
    grammar = answer_grammar(load_chat(folder)[1], SCHEMA, False)
    thought = "<|channel|>analysis<|message|>Well.<|end|><|start|>assistant"
    for header in ("<|channel|>final", "<|channel|>final <|constrain|>json"):
        text = f'{thought}{header}<|message|>{{"a": 1}}'
        assert accepts(folder, grammar, text)
        tokenizer, format = load_chat(folder)
        answer = read_tokens(tokenizer, format, tokenizer.encode(text, add_special_tokens=False), tools=[])
        assert (answer.text, answer.reasoning) == ('{"a": 1}', "Well.")
    assert not accepts(folder, grammar, f"{thought}<|channel|>final<|message|>Well.")
    assert not accepts(folder, grammar, f'{thought}<|channel|>commentary<|message|>{{"a": 1}}')


@pytest.mark.parametrize("family", [family for family in FAMILIES if family not in PARSED])
@pytest.mark.parametrize("strict", [False, True])
def test_a_model_that_may_call_answers_in_json_or_calls(chat_models: Path, family: str, strict: bool) -> None:
    folder = chat_models / family
    tools = [weather(strict=strict), CLOCK]
    grammar = answer_grammar(load_chat(folder)[1], SCHEMA, False, tools)
    kinds = set()
    for answer in drawn_answers(folder, grammar, tools, count=30):
        kinds.add("calls" if answer.calls else "text")
        for name, arguments in answer.calls:
            assert isinstance(json.loads(arguments), dict)
            if strict and name == "get_weather":
                check_weather(arguments)
        if answer.calls:
            assert answer.text.strip() == ""
        else:
            assert isinstance(json.loads(answer.text)["a"], int)
    assert kinds == {"calls", "text"}


@pytest.mark.parametrize("family", PARSED)
def test_calls_that_a_parser_reads_are_free(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tokenizer, format = load_chat(folder)
    tools = [weather(), CLOCK]
    grammar = answer_grammar(format, SCHEMA, False, tools)
    call = PARSED[family]
    tokens = tokenizer.encode(call, add_special_tokens=False)
    answer = read_tokens(tokenizer, format, tokens, tools=tools)
    assert [(name, json.loads(arguments)) for name, arguments in answer.calls] == [("get_weather", ARGUMENTS)]
    assert accepts(folder, grammar, call)
    assert accepts(folder, grammar, '{"a": 1}')
    assert not accepts(folder, grammar, f"{call} Done.")
    assert not accepts(folder, grammar, f"{call[:-1]}")
    assert not accepts(folder, grammar, "It is warm.")
    assert not accepts(folder, grammar, '{"b": 1}')


@pytest.mark.parametrize("family", FAMILIES)
def test_only_one_call_comes_where_several_may_not(chat_models: Path, family: str) -> None:
    folder = chat_models / family
    tools = [weather(strict=True), CLOCK]
    grammar = answer_grammar(load_chat(folder)[1], SCHEMA, False, tools, parallel=False)
    for answer in drawn_answers(folder, grammar, tools, count=12):
        assert len(answer.calls) == (0 if answer.text.strip() else 1)


def test_the_error_says_which_schema_it_is_about(chat_models: Path) -> None:
    format = load_chat(chat_models / "qwen3")[1]
    bad: dict[str, Any] = {"$ref": "https://example.com/a.json"}
    tool = {"type": "function", "function": {"name": "f", "parameters": {"properties": {"a": bad}}, "strict": True}}
    with pytest.raises(RequestError) as refused:
        answer_grammar(format, bad, False, [CLOCK])
    assert refused.value.param == "response_format"
    tool["function"]["parameters"]["type"] = "object"
    with pytest.raises(RequestError) as refused:
        answer_grammar(load_chat(chat_models / "qwen3_coder")[1], SCHEMA, False, [tool])
    assert refused.value.param == "tools.0.function.parameters"
