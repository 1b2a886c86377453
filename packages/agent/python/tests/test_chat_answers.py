"""Answers are taken apart the same way however tokens cut them, and nothing of them is lost."""

import json
import random
import timeit
from pathlib import Path
from typing import Any

import pytest

from chat_answer_cases import CASES
from chat_answers import AUTO, TOOLS, Answer, load_chat, put_together, read_pieces, read_tokens
from mlxfleet_worker.chat.answer import AnswerReader
from mlxfleet_worker.chat.parsed_calls import parse_calls
from mlxfleet_worker.chat.syntax import ParsedCalls
from mlxfleet_worker.tokens.detokenizer import DetokenizerFactory
from mlxfleet_worker.wire.frames import NO_TOOLS, ToolChoice

IDS = [f"{family}-{number}" for number, (family, _, _) in enumerate(CASES)]


@pytest.mark.parametrize(("family", "text", "answer"), CASES, ids=IDS)
class TestSplitting:
    """Each answer as one text, cut at every place, cut at random, and as the model's tokens."""

    def test_whole(self, chat_models: Path, family: str, text: str, answer: Answer) -> None:
        _, format = load_chat(chat_models / family)
        assert read_pieces(format, [text]) == answer
        for _, arguments in answer.calls:
            assert isinstance(json.loads(arguments), dict)

    def test_cut_anywhere(self, chat_models: Path, family: str, text: str, answer: Answer) -> None:
        _, format = load_chat(chat_models / family)
        assert read_pieces(format, text) == answer
        for at in range(1, len(text)):
            assert read_pieces(format, [text[:at], text[at:]]) == answer
        source = random.Random(7)
        for _ in range(60):
            cuts = sorted(source.choices(range(len(text) + 1), k=source.randint(2, 12)))
            pieces = [text[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True)]
            assert read_pieces(format, pieces) == answer

    def test_as_tokens(self, chat_models: Path, family: str, text: str, answer: Answer) -> None:
        tokenizer, format = load_chat(chat_models / family)
        tokens = tokenizer.encode(text, add_special_tokens=False)
        assert read_tokens(tokenizer, format, tokens) == answer
        end = tokenizer.eos_token_id
        assert read_tokens(tokenizer, format, [*tokens, end]) == answer
        # Markers spelled letter by letter, as no tokenizer would.
        spelled = [token for character in text for token in tokenizer.encode(character, add_special_tokens=False)]
        assert read_tokens(tokenizer, format, spelled) == answer

    def test_nothing_is_lost_when_cut_off(self, chat_models: Path, family: str, text: str, answer: Answer) -> None:
        _, format = load_chat(chat_models / family)
        for at in range(len(text)):
            cut = read_pieces(format, text[:at], is_whole=False)
            assert len(cut.calls) <= len(answer.calls)
            for (name, arguments), (whole_name, whole) in zip(cut.calls, answer.calls, strict=False):
                assert name == whole_name
                # A text of the arguments that lacks its quote may go on behind what turns out to be its end.
                assert whole.startswith(arguments) or arguments.startswith(whole[:-2])
            if answer.text == text:
                assert cut == Answer(text[:at], "", [])


def test_an_answer_begins_in_the_reasoning_that_its_prompt_opened(chat_models: Path) -> None:
    tokenizer, format = load_chat(chat_models / "qwen3_thinking")
    prompt = tokenizer.encode("<|im_start|>assistant\n<think>\n", add_special_tokens=False)
    text = '\nhm\n</think>\n\n<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
    for pieces in ([text], list(text)):
        assert read_pieces(format, pieces, prompt=prompt) == Answer("", "hm", [("now", "{}")])
    spelled = [token for letter in "<think>\n" for token in tokenizer.encode(letter, add_special_tokens=False)]
    assert read_pieces(format, [text], prompt=spelled) == Answer("", "hm", [("now", "{}")])
    assert read_pieces(format, ["hm"], prompt=prompt) == Answer("", "hm", [])
    closed = tokenizer.encode("<think>\n\n</think>\n\n", add_special_tokens=False)
    assert read_pieces(format, ["Hello"], prompt=closed) == Answer("Hello", "", [])


@pytest.mark.parametrize(
    "family", ["qwen3", "llama3", "mistral_v3", "mistral_v11", "gemma4", "qwen3_coder", "deepseek", "gemma3"]
)
def test_without_tools_markers_are_text(chat_models: Path, family: str) -> None:
    tokenizer, format = load_chat(chat_models / family)
    for written in [text for name, text, answer in CASES if name == family and answer.calls and not answer.reasoning]:
        assert read_pieces(format, list(written), tools=[]) == Answer(written, "", [])
        assert read_pieces(format, list(written), choice=NO_TOOLS) == Answer(written, "", [])
        if family in ("qwen3", "mistral_v3", "mistral_v11", "deepseek", "llama3"):
            tokens = tokenizer.encode(written, add_special_tokens=False)
            assert read_tokens(tokenizer, format, tokens, tools=[]).text == written


def test_gpt_oss_without_tools_shows_what_it_would_call(chat_models: Path) -> None:
    _, format = load_chat(chat_models / "gpt_oss")
    text = (
        "<|channel|>analysis<|message|>hm<|end|><|start|>assistant to=functions.f<|channel|>commentary json<|message|>"
        '{"a": 1}<|call|>'
    )
    assert read_pieces(format, list(text), tools=[]) == Answer('{"a": 1}', "hm", [])


def test_arguments_stream(chat_models: Path) -> None:
    """Text waits only while it may become a marker, arguments only until the name is known."""
    tokenizer, format = load_chat(chat_models / "qwen3")
    reader = AnswerReader(format, DetokenizerFactory(tokenizer).make(), [0], TOOLS, AUTO, True)
    seen = ""
    arrived: dict[str, int] = {}
    text = (
        'Yes < no.<tool_call>{"name": "get_weather", "arguments": {"city": "Oslo", "note": "<b>bold</b>"}}</tool_call>'
    )
    for place, token in enumerate(tokenizer.encode(text, add_special_tokens=False)):
        delta = reader.take(token)
        seen += delta.text + "".join(call.arguments for call in delta.tool_calls)
        for part in ("Yes <", "no.", '{"city":"Osl', "<b>bold"):
            if part in seen:
                arrived.setdefault(part, place)
        if delta.tool_calls and delta.tool_calls[0].name:
            assert (delta.tool_calls[0].name, delta.tool_calls[0].arguments) == ("get_weather", "{")
    for part, place in arrived.items():
        written = len(
            tokenizer.encode(text[: text.replace('": ', '":').find(part) + len(part)], add_special_tokens=False)
        )
        assert place - written <= 3, f"{part} came {place - written} tokens late"
    assert set(arrived) == {"Yes <", "no.", '{"city":"Osl', "<b>bold"}


def test_only_the_first_call_counts_where_one_is_allowed(chat_models: Path) -> None:
    for family, text, answer in CASES:
        if len(answer.calls) < 2:
            continue
        tokenizer, format = load_chat(chat_models / family)
        reader = AnswerReader(format, DetokenizerFactory(tokenizer).make(), [0], TOOLS, AUTO, False)
        deltas = []
        for token in tokenizer.encode(text, add_special_tokens=False):
            assert not reader.is_finished
            deltas.append(reader.take(token))
            if reader.is_finished:
                break
        assert reader.is_finished
        assert reader.has_calls
        assert put_together([*deltas, reader.finish()]).calls == answer.calls[:1]
        assert read_pieces(format, [text], parallel=False).calls == answer.calls[:1]


BEGINNINGS = pytest.mark.parametrize(
    ("family", "text"),
    [
        ("qwen3", "<tool_c"),
        ("qwen3", '<tool_call>\n{"name": "get_wea'),
        ("llama3", '{"name": "get_wea'),
        ("gemma4", "<|tool_call>call:get_weather{city"),
        ("mistral_v11", "[TOOL_CALLS]get_weat"),
        ("gpt_oss", "<|channel|>commenta"),
    ],
)
"""Answers cut before the name of a call is complete."""


class TestCutAnswers:
    """A length limit ends an answer anywhere."""

    def test_inside_arguments(self, chat_models: Path) -> None:
        _, format = load_chat(chat_models / "qwen3")
        text = '<tool_call>{"name": "get_weather", "arguments": {"city": "Osl'
        assert read_pieces(format, list(text), is_whole=False).calls == [("get_weather", '{"city":"Osl')]
        assert read_pieces(format, list(text), is_whole=True).calls == [("get_weather", '{"city":"Osl"}')]

    def test_behind_an_end_marker_in_a_text(self, chat_models: Path) -> None:
        _, format = load_chat(chat_models / "qwen3")
        text = '<tool_call>{"name": "write", "arguments": {"content": "a </tool_call> b'
        assert read_pieces(format, list(text), is_whole=False).calls == [("write", '{"content":"a </tool_call> b')]

    @BEGINNINGS
    @pytest.mark.parametrize("choice", [ToolChoice("required"), ToolChoice("named", "get_weather")])
    def test_a_call_that_has_to_come_is_never_text(
        self, chat_models: Path, family: str, text: str, choice: ToolChoice
    ) -> None:
        _, format = load_chat(chat_models / family)
        assert read_pieces(format, list(text), is_whole=False, choice=choice) == Answer("", "", [])

    @pytest.mark.parametrize(
        ("family", "text", "arguments"),
        [
            ("qwen3", '<tool_call>\n{"name": "get_weather"', ""),
            ("qwen3", '<tool_call>\n{"name": "get_weather", "argumen', ""),
            ("qwen3", '<tool_call>\n{"name": "get_weather", "arguments": {"ci', "{"),
            ("llama3", '{"name": "get_weather", "para', ""),
            ("gpt_oss", "<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>", ""),
            ("mistral_v11", '[TOOL_CALLS]get_weather[ARGS]{"city": "Os', '{"city":"Os'),
        ],
    )
    def test_a_call_that_has_to_come_has_its_name_as_soon_as_that_is_known(
        self, chat_models: Path, family: str, text: str, arguments: str
    ) -> None:
        _, format = load_chat(chat_models / family)
        answer = read_pieces(format, list(text), is_whole=False, choice=ToolChoice("required"))
        assert answer == Answer("", "", [("get_weather", arguments)])

    @pytest.mark.parametrize("family", sorted({family for family, _, _ in CASES}))
    def test_no_notation_is_text_wherever_a_call_that_has_to_come_is_cut(self, chat_models: Path, family: str) -> None:
        _, format = load_chat(chat_models / family)
        for _, text, answer in [each for each in CASES if each[0] == family and each[2].calls]:
            for at in range(len(text)):
                cut = read_pieces(format, text[:at], is_whole=False, choice=ToolChoice("required"))
                assert cut.text == ""
                assert [name for name, _ in cut.calls] == [name for name, _ in answer.calls][: len(cut.calls)]

    @pytest.mark.parametrize(
        ("family", "text"),
        [("qwen3", "<"), ("qwen3", '<tool_call>\n{"na'), ("gpt_oss", "<|chan"), ("llama3", '<|python_tag|>{"na')],
    )
    def test_a_call_in_place_of_json_is_never_text(self, chat_models: Path, family: str, text: str) -> None:
        _, format = load_chat(chat_models / family)
        assert read_pieces(format, list(text), is_whole=False, is_json=True) == Answer("", "", [])

    def test_json_is_cut_where_it_is_cut(self, chat_models: Path) -> None:
        for family, text in (("qwen3", '{"a": "<tool'), ("qwen3", "{"), ("llama3", '{"na')):
            _, format = load_chat(chat_models / family)
            assert read_pieces(format, list(text), is_whole=False, is_json=True).text == text

    @BEGINNINGS
    def test_before_anything_is_known(self, chat_models: Path, family: str, text: str) -> None:
        _, format = load_chat(chat_models / family)
        assert read_pieces(format, list(text), is_whole=False) == Answer(text, "", [])


def test_tokens_of_reasoning_are_counted(chat_models: Path) -> None:
    for family, reasoning, answer, inside in [
        ("qwen3", "<think>ab</think>", "cd", 4),
        ("gpt_oss", "<|channel|>analysis<|message|>ab<|end|>", "<|start|>assistant<|channel|>final<|message|>cd", 4),
        ("gemma3", "", "abcd", 0),
    ]:
        tokenizer, format = load_chat(chat_models / family)
        reader = AnswerReader(format, DetokenizerFactory(tokenizer).make(), [0], [], AUTO, True)
        for token in tokenizer.encode(reasoning + answer, add_special_tokens=False):
            reader.take(token)
        assert reader.reasoning_tokens == inside
        assert reader.is_in_text


LIBRARY_CASES: list[tuple[str, list[dict[str, Any]]]] = [
    ("qwen3", [{"city": "Łódź", "days": -2}, {}]),
    ("mistral_v3", [{"city": 'a, "b"\n', "more": {"x": [1, None, True]}}, {"y": 0.5}]),
    ("mistral_v11", [{"city": "x{}[]", "more": [[], {}]}, {"y": 1}]),
    ("gemma4", [{"city": "{x}: y", "days": 3, "more": {"a": [1, 2]}}, {"b": True}]),
    ("function_gemma", [{"city": "Łódź", "days": 3, "warm": True}]),
    ("qwen3_coder", [{"city": "two\nlines", "days": 3}, {"city": ""}]),
    ("pythonic", [{"city": "a)b", "days": 3, "more": {"x": [True, None]}}, {"z": -1}]),
]


@pytest.mark.parametrize(("family", "arguments"), LIBRARY_CASES, ids=[family for family, _ in LIBRARY_CASES])
def test_complete_calls_are_what_the_librarys_parser_says(
    chat_models: Path, family: str, arguments: list[dict[str, Any]]
) -> None:
    """The template writes the calls, and the library's parser and ours read them back."""
    tokenizer, format = load_chat(chat_models / family)
    calls = [
        {"type": "function", "id": f"abcdefgh{n}", "function": {"name": "get_weather", "arguments": each}}
        for n, each in enumerate(arguments)
    ]
    question = {"role": "user", "content": "?"}
    messages = [question, {"role": "assistant", "content": "", "tool_calls": calls}]
    before = tokenizer.apply_chat_template([question], tools=TOOLS, tokenize=False, add_generation_prompt=True)
    written = tokenizer.apply_chat_template(messages, tools=TOOLS, tokenize=False)
    written = (
        written[written.rindex(before[-8:]) + 8 :]
        if family not in ("mistral_v3", "mistral_v11")
        else written[len(before) :]
    )
    ours = [(name, json.loads(text)) for name, text in read_pieces(format, list(written)).calls]

    start, end = tokenizer.tool_call_start, tokenizer.tool_call_end
    theirs = []
    for block in written.split(start)[1:]:
        parsed = tokenizer.tool_parser(block.split(end)[0] if end else block.removesuffix("</s>"), TOOLS)
        theirs += [(each["name"], each["arguments"]) for each in (parsed if isinstance(parsed, list) else [parsed])]
    assert ours == theirs == [("get_weather", each) for each in arguments]


def test_parsers_that_break_give_no_calls() -> None:
    def explode(_text: str, _tools: Any) -> Any:
        raise RecursionError

    for parse in (explode, lambda *_: None, lambda *_: {}, lambda *_: {"name": "f", "arguments": {"a": float("nan")}}):
        assert parse_calls(ParsedCalls("<", ">", parse, "broken"), "x", []) == []
    unreadable = {"name": "unknown", "arguments": {"raw": "x"}}
    assert parse_calls(ParsedCalls("<", ">", lambda *_: unreadable, "glm47"), "x", []) == []


def test_random_answers_never_fail(chat_models: Path) -> None:
    """Pieces of markers and JSON in any order: no exception, whole arguments, the same however they are cut."""
    source = random.Random(11)
    for folder in sorted(chat_models.iterdir()):
        _, format = load_chat(folder)
        words = [
            *(token for token in format.added_tokens if format.added_tokens[token] not in format.end_tokens),
            *['{"name": "f", "arguments": {', '{"a": 1', "}", "}}", "]", "[", '"', "'", ",", ":", "x", " ", "\n", "\\"],
            *["call:f{", "<function=f>", "</function>", "f(a=1)", "to=functions.f", "analysis", "final", "commentary"],
        ]
        for _ in range(150):
            text = "".join(source.choices(words, k=source.randint(1, 25)))
            whole = read_pieces(format, [text])
            for _, arguments in whole.calls:
                json.loads(arguments)
            assert read_pieces(format, list(text)) == whole, text
            read_pieces(format, list(text), is_whole=False)


def test_plain_answers_cost_next_to_nothing(smollm2: Path) -> None:
    tokenizer, format = load_chat(smollm2)
    factory = DetokenizerFactory(tokenizer)
    tokens = tokenizer.encode("The quick brown fox jumps over the lazy dog, and home again.\n" * 40)

    def detokenize() -> None:
        detokenizer = factory.make()
        for token in tokens:
            detokenizer.add(token)

    def read() -> None:
        reader = AnswerReader(format, factory.make(), [0], [], AUTO, True)
        for token in tokens:
            reader.take(token)

    seconds = [min(timeit.repeat(each, number=1, repeat=30)) for each in (detokenize, read)]
    assert (seconds[1] - seconds[0]) / len(tokens) < 3e-6
