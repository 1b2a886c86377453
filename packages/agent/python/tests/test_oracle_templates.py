"""Chats of each family's template are completed as mlx-lm completes them: alone, and in a mixed batch of 16."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from chat_answers import TOOLS
from mlx_lm_oracle import Oracle
from worker_process import Frame, WorkerProcess, generate_frame

FAMILIES = ("qwen3", "llama3", "mistral_v3", "gemma3", "gpt_oss")
COUNT = 12
ROWS = 16
CALL_ID = "a1B2c3D4e"
"""Of nine characters, as Mistral's templates want it."""

QUESTION = {"role": "user", "content": "What is the weather in Łódź? 🙂"}
SYSTEM = {"role": "system", "content": "Be brief."}
ANSWER = {"role": "assistant", "content": "Sunny.", "reasoning_content": "It is summer."}
CALL = {
    "role": "assistant",
    "content": None,
    "reasoning_content": "One city to ask about.",
    "tool_calls": [
        {
            "id": CALL_ID,
            "type": "function",
            "function": {"name": "get_weather", "arguments": json.dumps({"city": "Łódź", "days": 2})},
        }
    ],
}
RESULT = {"role": "tool", "tool_call_id": CALL_ID, "content": '{"sky": "rain"}'}


@dataclass(frozen=True)
class Chat:
    """A conversation as a client sends it."""

    messages: list[dict[str, Any]]
    tools: list[dict[str, Any]] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def frame(self, id: str, **options: Any) -> Frame:
        prompt = {"kind": "chat", "messages": self.messages, "tools": self.tools, "template_options": self.options}
        return {
            **generate_frame(id, prompt, max_tokens=COUNT, **options),
            "tool_choice": "auto" if self.tools else "none",
        }

    def prompt(self, oracle: Oracle) -> list[int]:
        """The tokens of the same conversation as model cards write it: arguments are objects, results have names."""
        messages = []
        for message in self.messages:
            messages.append({**message, "content": message["content"] or ""})
            if message["role"] == "tool":
                messages[-1]["name"] = "get_weather"
            if "tool_calls" in message:
                (call,) = message["tool_calls"]
                function = {**call["function"], "arguments": json.loads(call["function"]["arguments"])}
                messages[-1]["tool_calls"] = [{**call, "function": function}]
        return oracle.render(messages, self.tools or None, **self.options)


PLAIN = [Chat([QUESTION]), Chat([SYSTEM, QUESTION]), Chat([SYSTEM, QUESTION, ANSWER, QUESTION])]
WITH_TOOLS = [
    Chat([SYSTEM, QUESTION], TOOLS),
    Chat([QUESTION, CALL, RESULT], TOOLS),
    Chat([SYSTEM, QUESTION, CALL, RESULT, ANSWER, QUESTION], TOOLS),
]
REASONING = {
    "qwen3": [Chat([QUESTION], options={"enable_thinking": False}), Chat([QUESTION], TOOLS, {"enable_thinking": True})],
    "gpt_oss": [Chat([QUESTION], options={"reasoning_effort": effort}) for effort in ("low", "high")],
}
SAMPLINGS: list[dict[str, Any]] = [
    {"temperature": 0.7, "seed": 1},
    {"temperature": 1.3, "top_p": 0.9, "seed": 2},
    {"temperature": 1.0, "top_k": 20, "min_p": 0.02, "seed": 3},
    {"temperature": 0, "repetition_penalty": 1.2},
    {"temperature": 0, "presence_penalty": 0.8, "frequency_penalty": 0.3},
    {"temperature": 0.9, "logit_bias": {"40": 2.5, "60": -100}, "seed": 4},
]


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def oracle(chat_models: Path, family: str) -> Oracle:
    return Oracle(chat_models / family)


@pytest.fixture(scope="module")
def serving(chat_models: Path, family: str) -> Iterator[WorkerProcess]:
    with WorkerProcess.loaded(chat_models / family) as process:
        yield process


def chats(family: str) -> list[Chat]:
    # Gemma's template has no tools: there they are written into the text, which no library does.
    return [*PLAIN, *(WITH_TOOLS if family != "gemma3" else []), *REASONING.get(family, [])]


def test_chats_are_completed_as_by_mlx_lm_alone_and_in_a_batch(
    family: str, oracle: Oracle, serving: WorkerProcess
) -> None:
    expected = [oracle.complete(chat.prompt(oracle), COUNT) for chat in chats(family)]
    assert len({tuple(tokens) for tokens in expected}) == len(expected)
    for chat, tokens in zip(chats(family), expected, strict=True):
        (alone,) = serving.complete_all([chat.frame(serving.new_id())])
        assert alone.started is not None
        assert alone.started["prompt_tokens"] == len(chat.prompt(oracle))
        assert alone.tokens == tokens
    frames = [chat.frame(serving.new_id()) for chat in chats(family)]
    while len(frames) < ROWS:
        number = len(frames)
        chat, sampling = chats(family)[number % len(expected)], SAMPLINGS[number % len(SAMPLINGS)]
        frames.append(chat.frame(serving.new_id(), sampling=sampling))
        expected.append(oracle.complete(chat.prompt(oracle), COUNT, sampling))
    together = serving.complete_all(frames)
    assert [completion.tokens for completion in together] == expected
