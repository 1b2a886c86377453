"""Which beginnings of a chat's prompt other prompts will have too, by each family's template."""

from pathlib import Path
from typing import Any

import pytest

from chat_answers import TOOLS, load_chat
from mlxfleet_worker.chat.format import ChatFormat
from mlxfleet_worker.model.beginnings import MOST_REMEMBERED, BeginningsFinder
from mlxfleet_worker.wire.frames import NO_TOOLS, ToolChoice
from mlxfleet_worker.wire.prompts import Beginnings, ChatPrompt

FAMILIES = ("qwen3", "qwen3_thinking", "llama3", "mistral_v3", "gemma3", "gpt_oss", "deepseek")
SYSTEM = {"role": "system", "content": "Answer in one word, and never in Latin."}
AUTO = ToolChoice("auto")

Message = dict[str, Any]


class CountingFormat:
    """Counts what is rendered."""

    def __init__(self, format: ChatFormat) -> None:
        self._format = format
        self.rendered = 0

    def render(self, prompt: ChatPrompt, tool_choice: ToolChoice) -> list[int]:
        self.rendered += 1
        return self._format.render(prompt, tool_choice)


def question(text: str) -> Message:
    return {"role": "user", "content": text}


def find(
    format: ChatFormat, messages: list[Message], tools: list[Message] | None = None, **options: Any
) -> tuple[Beginnings, list[int]]:
    prompt, choice = ChatPrompt(messages, options, tools or []), AUTO if tools else NO_TOOLS
    tokens = format.render(prompt, choice)
    return BeginningsFinder(format).find(prompt, choice, tokens), tokens


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("tools", [None, TOOLS], ids=["plain", "tools"])
def test_conversations_share_what_comes_before_the_question(
    chat_models: Path, family: str, tools: list[Message] | None
) -> None:
    tokenizer, format = load_chat(chat_models / family)
    first, tokens = find(format, [SYSTEM, question("Where is Rome?")], tools)
    second, others = find(format, [SYSTEM, question("?")], tools)
    assert first == Beginnings(first.system, first.stable)
    assert tokens[: first.system] == others[: second.system]
    shared = tokenizer.decode(tokens[: first.system])
    assert SYSTEM["content"] in shared
    assert "Rome" not in shared
    assert tokenizer.decode(tokens[first.system :]).lstrip().startswith("Where is Rome?")


# Mistral's prompts have no end that asks, and the system prompt moves to the last question.
@pytest.mark.parametrize("family", [family for family in FAMILIES if family != "mistral_v3"])
def test_the_next_turn_begins_with_the_stable_part(chat_models: Path, family: str) -> None:
    _, format = load_chat(chat_models / family)
    conversation = [SYSTEM, question("Where is Rome?")]
    beginnings, tokens = find(format, conversation)
    answer = {"role": "assistant", "content": "Italy.", "reasoning_content": "A city."}
    following = format.render(ChatPrompt([*conversation, answer, question("And Oslo?")], {}), NO_TOOLS)
    assert following[: beginnings.stable] == tokens[: beginnings.stable]
    assert len(tokens) - 32 < beginnings.stable < len(tokens)


def test_the_end_that_asks_is_what_a_template_takes_back(chat_models: Path) -> None:
    tokenizer, format = load_chat(chat_models / "qwen3_thinking")
    beginnings, tokens = find(format, [question("Where is Rome?")])
    assert tokenizer.decode(tokens[beginnings.stable :]) == "<|im_start|>assistant\n<think>\n"
    _, format = load_chat(chat_models / "qwen3")
    assert find(format, [question("Where?")], enable_thinking=False)[0].stable < beginnings.stable


@pytest.mark.parametrize(
    ("messages", "options"),
    [
        ([question("Where?")], {"add_generation_prompt": False}),
        ([SYSTEM], {"add_generation_prompt": False}),
    ],
)
def test_there_may_be_none(chat_models: Path, messages: list[Message], options: dict[str, Any]) -> None:
    _, format = load_chat(chat_models / "qwen3")
    assert find(format, messages, **options)[0] == Beginnings(0, 0)


def test_tools_alone_begin_other_conversations(chat_models: Path) -> None:
    tokenizer, format = load_chat(chat_models / "qwen3")
    beginnings, tokens = find(format, [question("Where?")], TOOLS)
    assert "get_weather" in tokenizer.decode(tokens[: beginnings.system])
    assert find(format, [question("Where?")])[0].system == 0


def test_a_system_prompt_is_rendered_once(chat_models: Path) -> None:
    _, format = load_chat(chat_models / "qwen3")
    counting = CountingFormat(format)
    finder = BeginningsFinder(counting)  # type: ignore[arg-type]
    for number in range(20):
        prompt = ChatPrompt([SYSTEM, question(f"Question {number}")], {})
        finder.find(prompt, NO_TOOLS, format.render(prompt, NO_TOOLS))
    assert counting.rendered == 3
    for number in range(4 * MOST_REMEMBERED):
        prompt = ChatPrompt([question(str(number)), question("!")], {"number": number})
        finder.find(prompt, NO_TOOLS, format.render(prompt, NO_TOOLS))
    assert len(finder._remembered) == MOST_REMEMBERED
