"""Texts to tokens and back over the wire, while completions run."""

from worker_process import WorkerProcess, generate_frame


def ask(worker: WorkerProcess, frame: dict) -> dict:
    """The answer to one question."""
    worker.send(frame)
    return worker.read_until(lambda reply: reply.get("id") == frame["id"])[-1]


def test_a_text_becomes_tokens_and_comes_back(worker: WorkerProcess) -> None:
    text = "zebra Ü 🙂"
    tokens = ask(worker, {"type": "tokenize", "id": "a", "prompt": {"kind": "text", "text": text}})
    assert tokens["type"] == "tokenized"
    answer = ask(worker, {"type": "detokenize", "id": "b", "tokens": tokens["tokens"]})
    assert answer == {"type": "detokenized", "id": "b", "text": text}


def test_bad_tokens_fail_alone(worker: WorkerProcess) -> None:
    failed = ask(worker, {"type": "detokenize", "id": "c", "tokens": [1 << 40]})
    assert (failed["type"], failed["kind"], failed["param"]) == ("failed", "invalid", "tokens")


def test_questions_are_answered_while_a_completion_runs(worker: WorkerProcess) -> None:
    long = generate_frame(
        worker.new_id(), "zebra", max_tokens=400, sampling={"temperature": 0, "logit_bias": {"70": 50}}
    )
    worker.send(long)
    worker.read_until(lambda frame: frame["type"] == "step")
    ask(worker, {"type": "tokenize", "id": "d", "prompt": {"kind": "text", "text": "zebra"}})
    rest = worker.read_until(lambda frame: any("finish" in output for output in frame.get("outputs", ())))
    assert rest
