"""Completions of a real worker, against mlx-lm's own generation."""

import json
import os
import time
from pathlib import Path

import pytest
from mlx_lm import load, stream_generate

from worker_process import Completion, WorkerProcess, generate_frame

PROMPTS = [
    "zebra",
    "count",
    "What is the capital of France?",
    "Ünïcödé 漢字 🙂",
    "a",
    "The quick brown fox jumps over the lazy dog. " * 8,
    '{"json": true}',
    "Why?",
]


def reference(folder: Path, prompts: list[str], max_tokens: int, *, chat: bool = True) -> list[list[int]]:
    """Greedy tokens of mlx-lm itself, the end-of-sequence token included."""
    model, tokenizer = load(str(folder))
    results = []
    for prompt in prompts:
        messages = [{"role": "user", "content": prompt}]
        tokens = tokenizer.apply_chat_template(messages, add_generation_prompt=True) if chat else prompt
        responses = stream_generate(model, tokenizer, tokens, max_tokens=max_tokens)
        results.append([response.token for response in responses])
    return results


@pytest.fixture(scope="module")
def expected(tiny_text: Path) -> list[list[int]]:
    return reference(tiny_text, PROMPTS, 64)


def test_greedy_output_is_mlx_lms_alone(worker: WorkerProcess, expected: list[list[int]]) -> None:
    assert [worker.complete(prompt, max_tokens=64).tokens for prompt in PROMPTS] == expected


def test_greedy_output_is_mlx_lms_in_a_batch(worker: WorkerProcess, expected: list[list[int]]) -> None:
    frames = [generate_frame(worker.new_id(), prompt, max_tokens=64) for prompt in PROMPTS * 3]
    assert [completion.tokens for completion in worker.complete_all(frames)] == expected * 3


def test_greedy_output_is_mlx_lms_when_requests_join_and_leave(
    worker: WorkerProcess, expected: list[list[int]]
) -> None:
    long, other = worker.new_id(), worker.new_id()
    worker.send(generate_frame(long, PROMPTS[0], max_tokens=64))
    worker.read_until(lambda frame: frame["type"] == "step")
    worker.send(generate_frame(other, PROMPTS[5], max_tokens=64), generate_frame("cancelled", PROMPTS[2]))
    worker.send({"type": "cancel", "id": "cancelled"})
    tokens: dict[str, list[int]] = {other: [], "cancelled": [], long: []}
    finished = set()
    while len(finished) < 2:
        frame = worker.read()
        for output in frame.get("outputs", ()):
            tokens[output["id"]] += output["tokens"]
            finished |= {output["id"]} if "finish" in output else set()
    assert tokens[other] == expected[5]
    assert tokens[long] == expected[0][-len(tokens[long]) :]


def test_greedy_output_of_a_real_model(smollm2: Path) -> None:
    prompts = ["The capital of France is", "Once upon a time"]
    expected = reference(smollm2, prompts, 5, chat=False)
    with WorkerProcess.loaded(smollm2) as worker:
        wire = [{"kind": "text", "text": prompt} for prompt in prompts]
        frames = [generate_frame(worker.new_id(), prompt, max_tokens=5) for prompt in wire]
        together = worker.complete_all(frames)
        assert [completion.tokens for completion in together] == expected
        assert "Paris" in together[0].text


def test_says_when_it_began_and_how_it_went(worker: WorkerProcess) -> None:
    completion = worker.complete("zebra", max_tokens=5)
    assert completion.started is not None
    assert completion.finish is not None
    assert completion.started["prompt_tokens"] == 24
    assert completion.started["cached_tokens"] == 0
    assert completion.finish["reason"] == "length"
    assert completion.finish["completion_tokens"] == len(completion.tokens) == 5
    assert set(completion.finish["timings"]) == {"prefill_seconds", "decode_seconds"}
    assert all(seconds >= 0 for seconds in completion.finish["timings"].values())


def test_the_end_token_ends_silently(worker: WorkerProcess) -> None:
    completion = worker.complete("hello", max_tokens=None)
    assert completion.finish is not None
    assert completion.finish["reason"] == "stop"
    assert completion.tokens[-1] == 2
    assert "<|im_end|>" not in completion.text


def test_special_tokens_have_no_text(worker: WorkerProcess) -> None:
    completion = worker.complete("zebra", max_tokens=6, sampling={"temperature": 0, "logit_bias": {"0": 100}})
    assert (completion.tokens, completion.text) == ([0] * 6, "")


def test_text_and_token_prompts_are_taken_as_they_are(worker: WorkerProcess) -> None:
    text = worker.complete({"kind": "text", "text": "zebra"})
    tokens = worker.complete([byte_token(character) for character in "zebra"])
    assert text.tokens == tokens.tokens
    assert text.started is not None
    assert text.started["prompt_tokens"] == 5
    assert worker.complete([byte_token("z")]).finish is not None


def byte_token(character: str) -> int:
    """The tiny model's token for one printable ASCII character."""
    return 3 + ord(character) - ord("!")


def test_template_options_are_not_the_workers_own(worker: WorkerProcess) -> None:
    messages = [{"role": "user", "content": "zebra"}]
    prompt = {"kind": "chat", "messages": messages, "template_options": {"add_generation_prompt": False}}
    completion = worker.complete(prompt)
    assert completion.failed is not None
    assert completion.failed["param"] == "chat_template_kwargs"


def test_32_streams_are_complete_and_not_mixed_up(worker: WorkerProcess) -> None:
    prompts = [f"stream {index}" for index in range(32)]
    alone = [worker.complete(prompt, max_tokens=24) for prompt in prompts]
    frames = [generate_frame(worker.new_id(), prompt, max_tokens=24) for prompt in prompts]
    together = worker.complete_all(frames)
    assert [completion.text for completion in together] == [completion.text for completion in alone]
    assert len({completion.text for completion in alone}) > 16


def test_one_frame_carries_a_whole_step(worker: WorkerProcess) -> None:
    ids = [worker.new_id() for _ in range(8)]
    worker.send(*(generate_frame(id, "zebra", max_tokens=32) for id in ids))
    frames = []
    finished = 0
    while finished < len(ids):
        frame = worker.read()
        if frame["type"] == "step":
            frames.append([output["id"] for output in frame["outputs"]])
            finished += sum("finish" in output for output in frame["outputs"])
    assert sum(map(len, frames)) == 8 * 32
    assert max(len(set(frame)) for frame in frames) == 8


def test_a_seed_gives_the_same_output_alone_and_in_any_batch(worker: WorkerProcess) -> None:
    def frame(seed: int | None, prompt: str = "zebra") -> dict[str, object]:
        sampling = {"temperature": 1, "top_p": 0.9, "top_k": 50, "seed": seed}
        return generate_frame(worker.new_id(), prompt, sampling=sampling)

    def tokens(completion: Completion) -> list[int]:
        return completion.tokens

    (alone,) = worker.complete_all([frame(7)])
    others = [frame(8), frame(None, "count"), generate_frame(worker.new_id(), "a"), frame(7), frame(7, "hello")]
    batch = worker.complete_all([*others, frame(7)])
    assert tokens(alone) == tokens(batch[3]) == tokens(batch[5])
    assert tokens(batch[0]) != tokens(alone) != tokens(batch[4])


def test_unseeded_outputs_differ(worker: WorkerProcess) -> None:
    frames = [generate_frame(worker.new_id(), "zebra", sampling={"temperature": 1}) for _ in range(4)]
    assert len({tuple(completion.tokens) for completion in worker.complete_all(frames)}) == 4


def test_a_sampled_neighbour_does_not_change_a_greedy_stream(worker: WorkerProcess, expected: list[list[int]]) -> None:
    hot = {"temperature": 2, "presence_penalty": 1, "frequency_penalty": 1, "repetition_penalty": 1.3, "min_p": 0.01}
    frames = [
        generate_frame(worker.new_id(), PROMPTS[0], max_tokens=64),
        generate_frame(worker.new_id(), PROMPTS[1], max_tokens=64, sampling=hot),
    ]
    assert worker.complete_all(frames)[0].tokens == expected[0]


def test_penalties_change_the_output(worker: WorkerProcess) -> None:
    plain = worker.complete("zebra", max_tokens=64)
    penalized = worker.complete("zebra", max_tokens=64, sampling={"temperature": 0, "frequency_penalty": 2})
    assert len(set(penalized.tokens)) > len(set(plain.tokens))


def test_a_stop_text_ends_the_completion_and_is_never_shown(worker: WorkerProcess) -> None:
    whole = worker.complete("zebra", max_tokens=64).text
    stop = whole[20:24]
    completion = worker.complete("zebra", max_tokens=64, stop=["never there", stop])
    assert completion.finish is not None
    assert completion.finish["reason"] == "stop"
    assert completion.text == whole[: whole.index(stop)]
    assert completion.finish["completion_tokens"] == len(completion.tokens) < 64


def test_text_held_back_for_a_stop_is_shown_at_the_end(worker: WorkerProcess) -> None:
    whole = worker.complete("zebra", max_tokens=24).text
    completion = worker.complete("zebra", max_tokens=24, stop=[whole[-3:] + "more"])
    assert completion.text == whole


def test_chunks_are_whole_characters(worker: WorkerProcess) -> None:
    bias = {str(id): 100 for id in worker_tokens("漢")}
    completion = worker.complete("zebra", max_tokens=40, sampling={"temperature": 1, "seed": 1, "logit_bias": bias})
    assert "".join(completion.chunks) == completion.text
    json.dumps(completion.chunks, ensure_ascii=False).encode()


def worker_tokens(text: str) -> list[int]:
    """Some tokens of the tiny model for bytes beyond ASCII."""
    return [120 + byte % 128 for byte in text.encode()]


@pytest.mark.skipif(not Path("/proc").exists(), reason="reads processor time from /proc")
def test_an_idle_worker_uses_no_processor_time(worker: WorkerProcess) -> None:
    worker.complete("zebra")
    # It gives unused memory back once, a second after its last request.
    time.sleep(1.2)
    before = processor_seconds(worker.process.pid)
    time.sleep(0.5)
    assert processor_seconds(worker.process.pid) - before < 0.03


def processor_seconds(pid: int) -> float:
    """User and system time so far."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
