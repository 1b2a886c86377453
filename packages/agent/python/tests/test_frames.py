"""Frames and parameters: what is refused, what is tolerated."""

import json
import os
import threading

import pytest

from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.frames import (
    CancelFrame,
    GenerateFrame,
    LoadFrame,
    PingFrame,
    TokenizeFrame,
)
from mlxfleet_worker.wire.parameters import Sampling, parse_sampling
from mlxfleet_worker.wire.parse_frame import FrameError, parse_frame
from mlxfleet_worker.wire.prompts import ChatPrompt, TextPrompt, TokensPrompt
from mlxfleet_worker.wire.replies import ReplyChannel
from worker_process import Frame, generate_frame


def parse(frame: object) -> object:
    return parse_frame(json.dumps(frame).encode())


def test_reads_each_kind_of_frame() -> None:
    load = {"type": "load", "path": "/m", "context_length": 5, "memory_limit_bytes": None, "max_batch_size": 2}
    assert parse(load) == LoadFrame("/m", 5, None, 2)
    assert parse({"type": "cancel", "id": "a"}) == CancelFrame("a")
    assert parse({"type": "ping", "nonce": -1}) == PingFrame(-1)
    tokenize = {"type": "tokenize", "id": "a", "prompt": {"kind": "text", "text": "hi"}}
    assert parse(tokenize) == TokenizeFrame("a", TextPrompt("hi"))
    assert parse({**tokenize, "add_special_tokens": False}) == TokenizeFrame("a", TextPrompt("hi"), False)
    generate = parse(generate_frame("a", [1, 2], max_tokens=None, stop=["x"]))
    assert generate == GenerateFrame("a", TokensPrompt([1, 2]), None, Sampling(temperature=0), ["x"])


def test_absent_options_are_the_models_plain_distribution() -> None:
    frame = parse({"type": "generate", "id": "a", "prompt": {"kind": "text", "text": "hi"}, "later_field": 1})
    assert frame == GenerateFrame("a", TextPrompt("hi"), None, Sampling(), [])


def test_joins_text_parts_of_a_message() -> None:
    parts = [{"type": "text", "text": "one "}, {"type": "text", "text": "two"}]
    frame = parse(generate_frame("a", {"kind": "chat", "messages": [{"role": "user", "content": parts}]}))
    assert isinstance(frame, GenerateFrame)
    assert frame.prompt == ChatPrompt([{"role": "user", "content": "one two"}], {})


def test_a_message_without_content_is_empty() -> None:
    frame = parse(generate_frame("a", {"kind": "chat", "messages": [{"role": "assistant", "content": None}]}))
    assert isinstance(frame, GenerateFrame)
    assert frame.prompt == ChatPrompt([{"role": "assistant", "content": ""}], {})


def test_replaces_lone_surrogates() -> None:
    frame = parse_frame(rb'{"type":"generate","id":"a","prompt":{"kind":"text","text":"a\ud800b \ud83d\ude42"}}')
    assert isinstance(frame, GenerateFrame)
    assert frame.prompt == TextPrompt("a?b 🙂")


@pytest.mark.parametrize(
    "line",
    [b"", b"nonsense", b"[]", b"null", b'{"type":"dance"}', b'{"type":"cancel"}', b"\xff\xfe", b"[" * 100_000],
)
def test_refuses_lines_that_are_no_frames(line: bytes) -> None:
    with pytest.raises(FrameError) as caught:
        parse_frame(line)
    assert caught.value.id is None


@pytest.mark.parametrize("levels", [500, 900, 2000, 20_000, 200_000])
@pytest.mark.parametrize("opening", [b'{"x":', b"["])
def test_a_request_that_nests_too_deeply_fails_by_its_name(opening: bytes, levels: int) -> None:
    closing = (b"}" if opening.startswith(b"{") else b"]") * levels
    options = b'{"deep":' + opening * levels + b"1" + closing + b"}"
    prompt = b'{"kind":"chat","messages":[{"role":"user","content":"hi"}],"template_options":' + options + b"}"
    with pytest.raises(FrameError) as caught:
        parse_frame(b'{"type":"generate","id":"chatcmpl-1a:0","prompt":' + prompt + b"}")
    assert caught.value.id == "chatcmpl-1a:0"


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": {"kind": "picture"}}, "prompt"),
        ({"prompt": {"kind": "tokens", "tokens": [1.5]}}, "prompt"),
        ({"prompt": {"kind": "tokens", "tokens": [True]}}, "prompt"),
        ({"prompt": {"kind": "chat", "messages": []}}, "messages"),
        ({"prompt": {"kind": "chat", "messages": [{"content": "no role"}]}}, "messages"),
        ({"prompt": {"kind": "chat", "messages": [{"role": "user", "content": [{"type": "image"}]}]}}, "messages"),
        ({"prompt": {"kind": "chat", "messages": [{"role": "user", "content": 5}]}}, "messages"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": "5"}, "max_tokens"),
        ({"stop": [""]}, "stop"),
        ({"stop": "x"}, "stop"),
        ({"sampling": {"temperature": 3}}, "temperature"),
    ],
)
def test_names_the_request_and_the_field_at_fault(change: Frame, param: str) -> None:
    with pytest.raises(FrameError) as caught:
        parse({**generate_frame("a", "hi"), **change})
    assert (caught.value.id, caught.value.param) == ("a", param)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("temperature", -0.1),
        ("temperature", float("nan")),
        ("temperature", True),
        ("temperature", "1"),
        ("top_p", 0),
        ("top_p", 1.1),
        ("top_k", -1),
        ("top_k", 1.5),
        ("min_p", 1.5),
        ("repetition_penalty", 0),
        ("presence_penalty", -2.1),
        ("frequency_penalty", 2.1),
        ("logit_bias", {"x": 1}),
        ("logit_bias", {"-1": 1}),
        ("logit_bias", {"1": 101}),
        ("seed", 1.5),
    ],
)
def test_refuses_parameters_out_of_range(name: str, value: object) -> None:
    with pytest.raises(RequestError) as caught:
        parse_sampling({name: value})
    assert caught.value.param == name


def test_accepts_parameters_at_their_bounds() -> None:
    sampling = parse_sampling({"temperature": 2, "top_p": 1, "min_p": 0, "logit_bias": {"7": -100}, "seed": -(2**70)})
    assert sampling == Sampling(temperature=2.0, logit_bias={7: -100.0}, seed=-(2**70))


def test_frames_from_several_threads_stay_whole() -> None:
    reader, writer = os.pipe()
    channel = ReplyChannel(writer, on_broken=pytest.fail)
    texts = [letter * 100_000 for letter in "abcd"]

    def send_all(text: str) -> None:
        for _ in range(3):
            channel.send({"text": text})

    threads = [threading.Thread(target=send_all, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    with os.fdopen(reader) as lines:
        received = [json.loads(lines.readline())["text"] for _ in range(12)]
    for thread in threads:
        thread.join()
    os.close(writer)
    assert sorted(received) == sorted(texts * 3)
