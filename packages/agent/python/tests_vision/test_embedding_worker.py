"""A worker with a real embedding model, driven as the agent drives it."""

import base64
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from worker_process import Frame, WorkerProcess, generate_frame

SENTENCES = ["A man is playing a guitar.", "Someone plays the guitar.", "The stock market fell today."]


def embed_frame(id: str, *inputs: str | list[int], dimensions: int | None = None) -> Frame:
    """A request for vectors."""
    return {"type": "embed", "id": id, "inputs": list(inputs), "dimensions": dimensions}


def decode(text: str) -> np.ndarray:
    return np.frombuffer(base64.b64decode(text), "<f4")


def ask(worker: WorkerProcess, *inputs: Any, **options: Any) -> Frame:
    """One request and its answer."""
    frame = embed_frame(worker.new_id(), *inputs, **options)
    worker.send(frame)
    answer = worker.read(60)
    assert answer["id"] == frame["id"]
    return answer


def embed(worker: WorkerProcess, *inputs: Any, **options: Any) -> np.ndarray:
    """The vectors of one request."""
    answer = ask(worker, *inputs, **options)
    assert answer["type"] == "embedded", answer
    return np.array([decode(text) for text in answer["embeddings"]])


def test_says_what_it_has_loaded(minilm: Path) -> None:
    with WorkerProcess.started() as worker:
        worker.send_load(minilm, task="embed")
        worker.send(embed_frame("early", "zebra"))
        loaded = worker.read(60)
        assert (loaded["type"], loaded["embedding_dimensions"], loaded["context_length"]) == ("loaded", 384, 256)
        assert loaded["has_chat_template"] is False
        assert 85_000_000 < loaded["memory_bytes"] < 120_000_000
        assert worker.read(60)["id"] == "early"
        pong = worker.ping()
        assert (pong["running"], pong["waiting"]) == (0, 0)
        assert pong["steps"] >= 1
        assert pong["active_memory_bytes"] > 85_000_000


def test_near_sentences_are_near_and_far_ones_far(worker: WorkerProcess) -> None:
    vectors = embed(worker, *SENTENCES)
    assert vectors.shape == (3, 384)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(1, abs=1e-6)
    assert vectors[0] @ vectors[1] > 0.55
    assert abs(vectors[0] @ vectors[2]) < 0.15


def test_tokens_are_taken_as_they_are_and_counted(worker: WorkerProcess) -> None:
    worker.send({"type": "tokenize", "id": "t", "prompt": {"kind": "text", "text": SENTENCES[0]}})
    tokens = worker.read()["tokens"]
    assert np.allclose(embed(worker, tokens), embed(worker, SENTENCES[0]), atol=1e-6)
    mixed = ask(worker, SENTENCES[0], tokens, [101, 102])
    assert mixed["prompt_tokens"] == 2 * len(tokens) + 2
    worker.send({"type": "detokenize", "id": "d", "tokens": tokens})
    assert worker.read()["text"] == "[CLS] a man is playing a guitar. [SEP]"


def test_leading_components(worker: WorkerProcess) -> None:
    whole, short = embed(worker, "zebra")[0], embed(worker, "zebra", dimensions=8)[0]
    assert np.allclose(short, whole[:8] / np.linalg.norm(whole[:8]), atol=1e-6)
    assert embed(worker, "zebra", dimensions=384).shape == (1, 384)


@pytest.mark.parametrize(
    ("inputs", "dimensions", "kind", "param", "message"),
    [
        ([""], None, "invalid", "input", "input is empty"),
        ([[]], None, "invalid", "input", "input is empty"),
        (["a", "b", ""], None, "invalid", "input.2", "input[2] is empty"),
        (["a", "zebra " * 255], None, "context_length", "input.1", "input[1] has 257 tokens"),
        ([[5] * 257], None, "context_length", "input", "input has 257 tokens, and this model takes 256 at most"),
        ([[101, 30522]], None, "invalid", "input", "Token 30522 is not in the vocabulary of 30522"),
        ([[101], [-1]], None, "invalid", "input.1", "Token -1"),
        ([], None, "invalid", "input", "not empty"),
        ([None], None, "invalid", "input", "token ids"),
        (["a"], 385, "invalid", "dimensions", "384"),
        (["a"], 0, "invalid", "dimensions", "at least 1"),
    ],
)
def test_what_it_refuses(
    worker: WorkerProcess, inputs: list[Any], dimensions: int | None, kind: str, param: str, message: str
) -> None:
    failed = ask(worker, *inputs, dimensions=dimensions)
    assert (failed["type"], failed["kind"], failed["param"]) == ("failed", kind, param)
    assert message in failed["message"]
    assert embed(worker, "good").shape == (1, 384)


def test_as_long_as_it_may_be(worker: WorkerProcess) -> None:
    assert ask(worker, "zebra " * 254)["prompt_tokens"] == 256


def test_hostile_texts(worker: WorkerProcess) -> None:
    assert embed(worker, "\ud800", "\x00", "[MASK][PAD]", " ", "\u202e" * 10).shape == (5, 384)


def test_many_together_are_as_one_by_one(worker: WorkerProcess) -> None:
    texts = [" ".join(["zebra", str(index), "quagga"][: index % 3 + 1]) for index in range(64)]
    together = embed(worker, *texts)
    frames = [embed_frame(f"single-{index}", text) for index, text in enumerate(texts)]
    worker.send(*frames)
    answers = {answer["id"]: answer for answer in (worker.read(60) for _ in frames)}
    apart = np.array([decode(answers[frame["id"]]["embeddings"][0]) for frame in frames])
    assert np.allclose(together, apart, atol=1e-4)


def test_generating_is_refused(worker: WorkerProcess) -> None:
    worker.send(generate_frame("g", "zebra"))
    failed = worker.read()
    assert (failed["type"], failed["id"], failed["kind"], failed["param"]) == ("failed", "g", "invalid", "model")
    assert "vectors" in failed["message"]


def test_a_cancelled_request_is_never_answered(worker: WorkerProcess) -> None:
    long = "zebra " * 200
    worker.send(embed_frame("cancelled", *[long] * 200))
    deadline = time.monotonic() + 20
    while worker.ping()["running"] != 1:
        assert time.monotonic() < deadline
    worker.send({"type": "cancel", "id": "cancelled"}, embed_frame("next", "zebra"))
    assert worker.read(20)["id"] == "next"
    pong = worker.ping()
    assert (pong["running"], pong["waiting"]) == (0, 0)


def test_pings_are_answered_during_a_pass_and_stdin_ends_it(minilm: Path) -> None:
    with WorkerProcess.loaded(minilm, task="embed") as worker:
        worker.send(embed_frame("long", *["zebra " * 200] * 50))
        worker.send({"type": "shrink", "kept_bytes": 0})
        assert worker.ping(2)["nonce"] > 0
        worker.close_stdin()
        assert worker.wait_exit(2) == 0


def test_a_folder_without_a_model(tmp_path: Path) -> None:
    with WorkerProcess.started() as worker:
        worker.send_load(tmp_path, task="embed")
        failed = worker.read()
        assert failed["type"] == "load_failed"
        assert "config.json" in failed["message"]


def test_adapters_are_refused(minilm: Path) -> None:
    with WorkerProcess.started() as worker:
        worker.send_load(minilm, task="embed", adapter_path="/nowhere")
        assert "adapters" in worker.read()["message"]
