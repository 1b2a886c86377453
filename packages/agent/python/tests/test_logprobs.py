"""Log-probabilities of the tokens of a completion, against the model itself."""

import math
from pathlib import Path

import mlx.core as mx
import pytest
from mlx_lm import load

from worker_process import WorkerProcess, generate_frame

PROMPT = [5, 60, 90, 41]


def reference(folder: Path, prompt: list[int], completion: list[int]) -> mx.array:
    """The model's log-probabilities [completion tokens, vocabulary] of each completion token's place."""
    model, _ = load(str(folder))
    logits = model(mx.array([prompt + completion]))[0, len(prompt) - 1 : -1].astype(mx.float32)
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


def collect(worker: WorkerProcess, *frames: dict) -> dict[str, list[dict]]:
    """The reported log-probabilities of each request."""
    worker.send(*frames)
    reported: dict[str, list[dict]] = {frame["id"]: [] for frame in frames}
    running = set(reported)
    while running:
        frame = worker.read()
        assert frame["type"] != "failed", frame
        for output in frame.get("outputs", ()):
            reported[output["id"]] += output.get("logprobs", [])
            if "finish" in output:
                running.discard(output["id"])
    return reported


@pytest.mark.parametrize("top", [0, 1, 5, 20])
def test_log_probabilities_are_the_models(worker: WorkerProcess, tiny_text: Path, top: int) -> None:
    completion = worker.complete(PROMPT, max_tokens=6)
    frame = {**generate_frame(worker.new_id(), PROMPT, max_tokens=6), "logprobs": top}
    (reported,) = collect(worker, frame).values()
    expected = reference(tiny_text, PROMPT, completion.tokens)
    assert len(reported) == 6
    for place, entry in enumerate(reported):
        assert entry["logprob"] == pytest.approx(expected[place, completion.tokens[place]].item(), abs=1e-3)
        best = sorted(expected[place].tolist(), reverse=True)[:top]
        assert [each["logprob"] for each in entry["top_logprobs"]] == pytest.approx(best, abs=1e-3)
        assert bytes(entry["bytes"]).decode("utf-8", "replace") == entry["token"]


def test_rows_that_did_not_ask_get_none_and_the_same_tokens(worker: WorkerProcess) -> None:
    prompts = [[5, 60], [7, 8, 9], [100] * 40]
    alone = [worker.complete(prompt, max_tokens=12).tokens for prompt in prompts]
    frames = [generate_frame(worker.new_id(), prompt, max_tokens=12) for prompt in prompts]
    frames[1]["logprobs"] = 2
    worker.send(*frames)
    completions = worker.collect(frame["id"] for frame in frames)
    assert [completions[frame["id"]].tokens for frame in frames] == alone
    reported = list(collect(worker, *({**frame, "id": frame["id"] + "-again"} for frame in frames)).values())
    assert [len(each) for each in reported] == [0, 12, 0]


def test_a_bias_shows_in_the_log_probabilities(worker: WorkerProcess) -> None:
    frame = generate_frame(
        worker.new_id(), PROMPT, max_tokens=2, sampling={"temperature": 0, "logit_bias": {"70": 100}}
    )
    (reported,) = collect(worker, {**frame, "logprobs": 1}).values()
    assert all(math.exp(entry["logprob"]) > 0.999 for entry in reported)


def test_samplers_of_several_kinds_share_a_batch(worker: WorkerProcess) -> None:
    samplings = [{"temperature": 0}, {"temperature": 1, "seed": 7}, {"temperature": 0.5}, {"temperature": 0}] * 4
    frames = [generate_frame(worker.new_id(), PROMPT, max_tokens=20, sampling=each) for each in samplings]
    together = [completion.tokens for completion in worker.complete_all(frames)]
    greedy = worker.complete(PROMPT, max_tokens=20).tokens
    seeded = worker.complete(PROMPT, max_tokens=20, sampling=samplings[1]).tokens
    assert together[0::4] == together[3::4] == [greedy] * 4
    assert together[1::4] == [seeded] * 4


@pytest.mark.parametrize("text", ["<", "é"])
def test_tokens_that_may_still_begin_reasoning_are_reported_once_they_are_text(chat_models: Path, text: str) -> None:
    """Each answer is one token, repeated: a part of a marker, or of a character."""
    folder = chat_models / "qwen3"
    _, tokenizer = load(str(folder))
    token = tokenizer.encode(text, add_special_tokens=False)[0]
    with WorkerProcess.loaded(folder) as worker:
        frame = generate_frame("a", "zebra", max_tokens=5, sampling={"temperature": 0, "logit_bias": {str(token): 100}})
        frame["prompt"]["template_options"] = {"enable_thinking": False}
        (reported,) = collect(worker, {**frame, "logprobs": 0}).values()
    assert [bytes(each["bytes"]) for each in reported] == [text.encode()[:1]] * 5
