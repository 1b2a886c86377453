"""Conversations of clients become the prompts that each family's own library makes of its own kind of messages."""

import json
import shutil
import time
from pathlib import Path
from typing import Any

import pytest
from mlx_lm.utils import load_tokenizer

from chat_answers import CLOCK, TOOLS, WEATHER, load_chat
from mlxfleet_worker.chat.format import ChatFormat
from mlxfleet_worker.chat.history import short_id
from mlxfleet_worker.chat.template import SECONDS_FOR_A_PROBE, check_options
from mlxfleet_worker.chat.time_limit import TimeLimitError, time_limit
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import NO_TOOLS, ToolChoice
from mlxfleet_worker.wire.prompts import ChatPrompt, parse_prompt

Message = dict[str, Any]
FIRST_ID, SECOND_ID = "call_0123456789abcdef01234567", "call_89abcdef0123456789abcdef"
ARGUMENTS = {"city": 'Łódź "old" <town>', "days": 2}
MORE_ARGUMENTS = {"city": "Oslo"}


def call(id: str, arguments: Any) -> Message:
    return {"id": id, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}


def result(id: str, content: str) -> Message:
    return {"role": "tool", "tool_call_id": id, "content": content}


CONVERSATION: list[Message] = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "What is the weather?"},
    {
        "role": "assistant",
        "content": None,
        "reasoning_content": "Two cities to ask about.",
        "tool_calls": [
            call(FIRST_ID, json.dumps(ARGUMENTS, ensure_ascii=False)),
            call(SECOND_ID, json.dumps(MORE_ARGUMENTS)),
        ],
    },
    result(FIRST_ID, "sunny"),
    result(SECOND_ID, '{"sky": "rain"}'),
    {"role": "assistant", "content": "Sun and rain."},
    {"role": "user", "content": "Thank you."},
]
"""As OpenAI's clients send it: arguments as JSON text, results with nothing but the call's id."""


def render(format: ChatFormat, messages: list[Message], choice: str = "auto", **options: Any) -> list[int]:
    prompt = parse_prompt({"kind": "chat", "messages": messages, "tools": TOOLS, "template_options": options})
    assert isinstance(prompt, ChatPrompt)
    return format.render(prompt, ToolChoice(choice))  # type: ignore[arg-type]


def with_objects(messages: list[Message]) -> list[Message]:
    """What most model cards say: arguments are objects, contents never null, results name the function."""
    changed: list[Message] = []
    for message in messages:
        changed.append({**message, "content": message["content"] or ""})
        if "tool_calls" in message:
            arguments = [json.loads(each["function"]["arguments"]) for each in message["tool_calls"]]
            ids = [each["id"] for each in message["tool_calls"]]
            changed[-1]["tool_calls"] = [call(id, each) for id, each in zip(ids, arguments, strict=True)]
        elif message["role"] == "tool":
            changed[-1]["name"] = "get_weather"
    return changed


def with_texts(messages: list[Message]) -> list[Message]:
    return [{**message, "content": message["content"] or ""} for message in messages]


def with_short_ids(messages: list[Message]) -> list[Message]:
    changed = with_objects(messages)
    for message in changed:
        for each in message.get("tool_calls", []):
            each["id"] = short_id(each["id"])
        if "tool_call_id" in message:
            message["tool_call_id"] = short_id(message["tool_call_id"])
    return changed


def with_one_call_each(messages: list[Message]) -> list[Message]:
    system, question, calls, first, second, *rest = with_objects(messages)
    return [
        system,
        question,
        {**calls, "tool_calls": calls["tool_calls"][:1]},
        first,
        {"role": "assistant", "content": "", "tool_calls": calls["tool_calls"][1:]},
        second,
        *rest,
    ]


@pytest.mark.parametrize(
    ("family", "reference"),
    [
        ("qwen3", with_objects),
        ("qwen3_thinking", with_objects),
        ("qwen3_coder", with_objects),
        ("llama3", with_one_call_each),
        ("mistral_v3", with_short_ids),
        ("mistral_v11", with_objects),
        ("function_gemma", with_objects),
        ("gemma4", with_objects),
        ("gpt_oss", with_one_call_each),
        ("deepseek", with_texts),
        ("pythonic", with_objects),
    ],
)
@pytest.mark.parametrize("length", [2, 5, 7])
def test_tool_conversations_are_the_librarys(chat_models: Path, family: str, reference: Any, length: int) -> None:
    tokenizer, format = load_chat(chat_models / family)
    assert format.has_own_tools
    messages = CONVERSATION[:length]
    theirs = tokenizer.apply_chat_template(
        reference(CONVERSATION)[: length + (reference is with_one_call_each and length > 2)],
        tools=TOOLS,
        add_generation_prompt=True,
    )
    assert tokenizer.decode(render(format, messages)) == tokenizer.decode(theirs)
    assert render(format, messages) == theirs


@pytest.mark.parametrize("family", ["qwen3", "llama3", "mistral_v3", "gpt_oss", "gemma3"])
def test_without_tools_to_choose_the_template_sees_none(chat_models: Path, family: str) -> None:
    tokenizer, format = load_chat(chat_models / family)
    messages = [CONVERSATION[0], CONVERSATION[1]]
    theirs = tokenizer.apply_chat_template(messages, add_generation_prompt=True)
    assert render(format, messages, "none") == theirs
    assert render(format, messages) != theirs


def test_a_template_without_tools_gets_them_as_text(chat_models: Path) -> None:
    tokenizer, format = load_chat(chat_models / "gemma3")
    assert format.has_tool_calling
    assert not format.has_own_tools
    text = tokenizer.decode(render(format, CONVERSATION))
    assert text.startswith("<bos><start_of_turn>user\nBe brief.\n\nYou can call functions.")
    assert json.dumps(WEATHER["function"], ensure_ascii=False) in text
    assert json.dumps(CLOCK["function"], ensure_ascii=False) in text
    written = [json.dumps(arguments, ensure_ascii=False) for arguments in (ARGUMENTS, MORE_ARGUMENTS)]
    calls = [f'<tool_call>\n{{"name": "get_weather", "arguments": {each}}}\n</tool_call>' for each in written]
    expected_end = (
        "\n\nWhat is the weather?<end_of_turn>\n"
        "<start_of_turn>model\n"
        f"{calls[0]}\n{calls[1]}<end_of_turn>\n"
        "<start_of_turn>user\n"
        "<tool_response>\nsunny\n</tool_response>\n"
        '<tool_response>\n{"sky": "rain"}\n</tool_response><end_of_turn>\n'
        "<start_of_turn>model\nSun and rain.<end_of_turn>\n"
        "<start_of_turn>user\nThank you.<end_of_turn>\n"
        "<start_of_turn>model\n"
    )
    assert text.endswith(expected_end)
    # A template of strictly alternating roles takes a question right behind results, too.
    assert "rain" in tokenizer.decode(render(format, [*CONVERSATION[:5], CONVERSATION[6]]))


def test_a_real_model_without_tools_in_its_template(smollm2: Path) -> None:
    tokenizer, format = load_chat(smollm2)
    text = tokenizer.decode(render(format, CONVERSATION))
    assert text.startswith("<|im_start|>system\nBe brief.\n\nYou can call functions.")
    assert "<|im_start|>user\n<tool_response>\nsunny\n</tool_response>" in text
    plain = [{"role": "user", "content": "hi"}]
    assert render(format, plain, "none") == tokenizer.apply_chat_template(plain, add_generation_prompt=True)


def with_template(chat_models: Path, folder: Path, template: str, family: str = "qwen3") -> ChatFormat:
    shutil.copytree(chat_models / family, folder, ignore=shutil.ignore_patterns("*.safetensors"))
    (folder / "chat_template.jinja").write_text(template)
    return ChatFormat(load_tokenizer(folder))


NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system') }}{% endif %}"
    "{{ m.role }}: {{ m.content }}\n{% endfor %}"
)


def test_instructions_join_the_question_where_there_is_no_system_role(chat_models: Path, tmp_path: Path) -> None:
    format = with_template(chat_models, tmp_path / "model", NO_SYSTEM)
    tokens = render(format, CONVERSATION[:2], "none")
    tokenizer = load_tokenizer(tmp_path / "model")
    assert tokenizer.decode(tokens) == "user: Be brief.\n\nWhat is the weather?\n"
    developer = [{"role": "developer", "content": "Be brief."}, CONVERSATION[1]]
    assert render(format, developer, "none") == tokens
    assert "get_weather" in tokenizer.decode(render(format, CONVERSATION[:2]))


def test_developers_are_the_system_unless_the_template_knows_them(chat_models: Path) -> None:
    developer = [{"role": "developer", "content": "Be brief."}, CONVERSATION[1]]
    for family in ("qwen3", "mistral_v3", "gpt_oss"):
        _, format = load_chat(chat_models / family)
        assert render(format, developer) == render(format, CONVERSATION[:2])


def test_tools_without_descriptions_suit_templates_that_join_them(chat_models: Path, tmp_path: Path) -> None:
    template = (
        "{% for t in tools %}{{ t.function.name + ': ' + t.function.description }}"
        "{% for k, v in t.function.parameters.properties | items %}{{ k + ' ' + v.description }}{% endfor %}"
        "{% endfor %}"
        "{% for m in messages %}{{ m.content }}{% for c in m.tool_calls or [] %}"
        "<tool_call>{{ c.function.name }}{{ c.function.arguments | tojson }}</tool_call>{% endfor %}{% endfor %}"
    )
    format = with_template(chat_models, tmp_path / "model", template)
    assert format.has_own_tools
    bare: Message = {"type": "function", "function": {"name": "bare"}}
    text = load_tokenizer(tmp_path / "model").decode(
        format.render(ChatPrompt([CONVERSATION[1]], {}, [bare, WEATHER]), ToolChoice("auto"))
    )
    assert text == "bare: get_weather: The weather of a city.city days What is the weather?"


@pytest.mark.parametrize("family", ["qwen3", "gpt_oss", "mistral_v3", "llama3", "gemma3", "function_gemma"])
def test_odd_histories_render(chat_models: Path, family: str) -> None:
    tokenizer, format = load_chat(chat_models / family)
    calls = [call("", "not json {"), call(FIRST_ID, ""), call(SECOND_ID, None)]
    messages: list[Message] = [
        CONVERSATION[1],
        {"role": "assistant", "content": "Wait.", "reasoning_content": "hm", "tool_calls": calls[:1]},
        {"role": "tool", "tool_call_id": "call_1_0", "content": [{"type": "text", "text": "first"}]},
        {"role": "assistant", "tool_calls": calls[1:]},
        result(FIRST_ID, "second"),
        result(SECOND_ID, "third"),
        {"role": "assistant", "content": "ok", "tool_calls": []},
        CONVERSATION[1],
    ]
    text = tokenizer.decode(render(format, messages))
    assert all(part in text for part in ("not json {", "first", "second", "third"))
    # The templates of Llama and Mistral drop what is said beside a call.
    assert ("Wait." in text) == (family not in ("llama3", "mistral_v3"))


@pytest.mark.parametrize(
    "calls", [5, ["x"], [{}], [{"function": {}}], [{"function": {"name": 5}}], [{"function": None}], {"a": 1}, "text"]
)
def test_calls_that_are_none_are_refused(chat_models: Path, calls: Any) -> None:
    _, format = load_chat(chat_models / "qwen3")
    with pytest.raises(RequestError) as refused:
        render(format, [CONVERSATION[1], {"role": "assistant", "content": "", "tool_calls": calls}])
    assert refused.value.param == "messages"


EFFORTS_OF_GPT_OSS = {
    "minimal": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


class TestReasoning:
    """Options that ask for reasoning, or for none."""

    def text(self, folder: Path, **options: Any) -> str:
        tokenizer, format = load_chat(folder)
        return str(tokenizer.decode(render(format, CONVERSATION[1:2], "none", **options)))

    @pytest.mark.parametrize(
        ("family", "options", "end"),
        [
            ("qwen3", {}, "<|im_start|>assistant\n"),
            ("qwen3", {"enable_thinking": True}, "<|im_start|>assistant\n"),
            ("qwen3", {"enable_thinking": False}, "<think>\n\n</think>\n\n"),
            ("qwen3", {"reasoning_effort": "none"}, "<think>\n\n</think>\n\n"),
            ("qwen3", {"reasoning_effort": "minimal"}, "<think>\n\n</think>\n\n"),
            ("qwen3", {"reasoning_effort": "minimal", "enable_thinking": True}, "<|im_start|>assistant\n"),
            ("qwen3", {"reasoning_effort": "high"}, "<|im_start|>assistant\n"),
            ("qwen3", {"reasoning_effort": "max"}, "<|im_start|>assistant\n"),
            ("qwen3", {"reasoning_effort": None, "enable_thinking": None}, "<|im_start|>assistant\n"),
            ("qwen3_thinking", {"reasoning_effort": "low"}, "<think>\n"),
            ("gemma4", {"enable_thinking": False}, "<|channel>thought\n<channel|>"),
            ("deepseek", {"enable_thinking": False}, "</think>"),
            ("deepseek", {"reasoning_effort": "medium"}, "<think>"),
            ("gemma3", {"enable_thinking": False}, "model\n"),
            ("gemma3", {"reasoning_effort": "none"}, "model\n"),
            ("gemma3", {"reasoning_effort": "high"}, "model\n"),
            ("gemma3", {"enable_thinking": True}, "model\n"),
            ("qwen3", {"enable_thinking": "when_needed"}, "<think>\n\n</think>\n\n"),
            ("qwen3_thinking", {"enable_thinking": "when_needed"}, "<think>\n"),
            ("gpt_oss", {"enable_thinking": "when_needed"}, "<|start|>assistant"),
        ],
    )
    def test_options_reach_the_template(
        self, chat_models: Path, family: str, options: dict[str, Any], end: str
    ) -> None:
        assert self.text(chat_models / family, **options).endswith(end)

    def test_gpt_oss_has_three_efforts(self, chat_models: Path) -> None:
        for asked, given in EFFORTS_OF_GPT_OSS.items():
            assert f"Reasoning: {given}\n" in self.text(chat_models / "gpt_oss", reasoning_effort=asked)

    @pytest.mark.parametrize(
        ("family", "options", "param"),
        [
            ("gpt_oss", {"reasoning_effort": "none"}, "reasoning_effort"),
            ("gpt_oss", {"enable_thinking": False}, "enable_thinking"),
            ("qwen3_thinking", {"enable_thinking": False}, "enable_thinking"),
            ("qwen3_thinking", {"reasoning_effort": "none"}, "reasoning_effort"),
            ("qwen3", {"reasoning_effort": "very"}, "reasoning_effort"),
            ("qwen3", {"reasoning_effort": ["high"]}, "reasoning_effort"),
        ],
    )
    def test_what_cannot_be_honoured_is_refused(
        self, chat_models: Path, family: str, options: dict[str, Any], param: str
    ) -> None:
        with pytest.raises(RequestError) as refused:
            self.text(chat_models / family, **options)
        assert refused.value.param == param

    @pytest.mark.parametrize(
        "options",
        [
            {"tools": []},
            {"chat_template": "x"},
            {"add_generation_prompt": False},
            {"add_generation_prompt": 1},
            {"continue_final_message": True},
        ],
    )
    def test_what_the_worker_sets_itself_is_refused(self, options: dict[str, Any]) -> None:
        with pytest.raises(RequestError) as refused:
            check_options(options)
        assert refused.value.param == "chat_template_kwargs"

    def test_what_is_so_anyhow_may_be_said(self, chat_models: Path) -> None:
        check_options({"add_generation_prompt": True, "continue_final_message": False})
        plain = self.text(chat_models / "qwen3")
        assert self.text(chat_models / "qwen3", add_generation_prompt=True, continue_final_message=False) == plain

    def test_a_variable_of_another_name(self, chat_models: Path, tmp_path: Path) -> None:
        template = "{{ messages[0].content }}{{ '<think>' if thinking else '</think>' }}"
        format = with_template(chat_models, tmp_path / "model", template)
        tokenizer = load_tokenizer(tmp_path / "model")
        for wanted, end in ((True, "<think>"), (False, "</think>")):
            assert tokenizer.decode(render(format, CONVERSATION[1:2], "none", enable_thinking=wanted)).endswith(end)

    @pytest.mark.parametrize(
        ("family", "options", "opens"),
        [
            ("qwen3", {}, False),
            ("qwen3", {"enable_thinking": False}, False),
            ("qwen3_thinking", {}, True),
            ("deepseek", {"enable_thinking": True}, True),
            ("deepseek", {"enable_thinking": False}, False),
            ("gemma4", {}, False),
            ("gpt_oss", {}, False),
        ],
    )
    def test_a_prompt_may_open_the_reasoning(
        self, chat_models: Path, family: str, options: dict[str, Any], opens: bool
    ) -> None:
        _, format = load_chat(chat_models / family)
        question: list[Message] = [{"role": "user", "content": "What does <think> mean?"}]
        assert format.opens_reasoning(render(format, question, "none", **options)) == opens


class TestHostileTemplates:
    """A template comes with a model, from anybody."""

    def refusal(self, chat_models: Path, tmp_path: Path, template: str) -> str:
        format = with_template(chat_models, tmp_path / "model", template)
        with pytest.raises(RequestError) as refused:
            render(format, [CONVERSATION[1]], "none")
        assert refused.value.param == "messages"
        return refused.value.message

    @pytest.mark.parametrize(
        "template",
        [
            "{% include '/etc/hostname' %}",
            "{% import '/etc/hostname' as x %}",
            "{{ ''.__class__.__mro__ }}",
            "{{ messages.__class__.__base__.__subclasses__() }}",
            "{{ cycler.__init__.__globals__.os.environ }}",
            "{{ raise_exception.__globals__['sys'] }}",
            "{{ open('/etc/hostname').read() }}",
            "{{ messages.append(1) }}",
            "{{ 10 ** 10 ** 10 }}",
            "{{ range(10000000) | list }}",
            "{{ 1 / 0 }}",
            "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
            "{{ unclosed",
        ],
    )
    def test_they_reach_nothing(self, chat_models: Path, tmp_path: Path, template: str) -> None:
        assert "The chat template refuses" in self.refusal(chat_models, tmp_path, template)

    def test_an_endless_one_ends(self, chat_models: Path, tmp_path: Path) -> None:
        begun = time.monotonic()
        endless = "{% for a in range(90000) %}" * 3 + "{% endfor %}" * 3
        assert "longer than 2 seconds" in self.refusal(chat_models, tmp_path, endless)
        assert time.monotonic() - begun < 15

    def test_a_long_conversation_is_no_endless_one(self, chat_models: Path) -> None:
        _, format = load_chat(chat_models / "qwen3")
        turns = [{"role": "user", "content": "x"}, {"role": "assistant", "content": "y"}] * 1000
        assert len(render(format, [*turns, CONVERSATION[1]])) > 10_000

    def test_one_that_had_to_wait_is_no_endless_one(self, chat_models: Path) -> None:
        """As on a host that swaps: a few words take longer than they may, and none of it is the template's work."""

        class SlowMessage(dict[str, Any]):
            def items(self) -> Any:
                time.sleep(SECONDS_FOR_A_PROBE + 0.1)
                return super().items()

        format = ChatFormat(load_tokenizer(chat_models / "qwen3"))
        assert "zebra" in (format.template.probe([SlowMessage(role="user", content="zebra")]) or "")
        assert render(format, [CONVERSATION[1]])

    def test_waiting_does_not_count(self) -> None:
        code = compile("for _ in range(4):\n    wait(0.05)\nspin()", "<slow>", "exec")
        with time_limit(0.1, "<slow>"):
            exec(code, {"wait": time.sleep, "spin": int})
        endless = compile("wait(0.2)\nwhile True:\n    pass", "<slow>", "exec")
        begun = time.thread_time()
        with pytest.raises(TimeLimitError), time_limit(0.1, "<slow>"):
            exec(endless, {"wait": time.sleep})
        assert time.thread_time() - begun >= 0.1

    def test_the_limit_counts_one_file_only(self) -> None:
        code = compile("for _ in range(10**9): pass", "<slow>", "exec")
        with pytest.raises(TimeLimitError), time_limit(0.05, "<slow>"):
            exec(code)
        with time_limit(0.0, "<slow>"):
            assert sum(range(1000)) == 499500


def test_a_model_without_a_template_is_refused(chat_models: Path, tmp_path: Path) -> None:
    shutil.copytree(chat_models / "qwen3", tmp_path / "model", ignore=shutil.ignore_patterns("*.jinja"))
    format = ChatFormat(load_tokenizer(tmp_path / "model"))
    assert (format.has_tool_calling, format.template.exists) == (False, False)
    with pytest.raises(RequestError) as refused:
        format.render(ChatPrompt([CONVERSATION[1]], {}), NO_TOOLS)
    assert refused.value.param == "messages"


def test_what_each_family_can(chat_models: Path) -> None:
    reasons = {"qwen3", "qwen3_thinking", "gemma4", "gpt_oss", "deepseek"}
    for folder in chat_models.iterdir():
        _, format = load_chat(folder)
        assert format.has_tool_calling
        assert format.has_reasoning == (folder.name in reasons)
