"""Bad requests fail alone, by name, and the next one works."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from worker_process import Frame, WorkerProcess, generate_frame


@pytest.mark.parametrize(
    ("prompt", "kind", "param", "message"),
    [
        ([5] * 8192, "context_length", "prompt", "8192 tokens, but your prompt resulted in 8192"),
        ("x" * 9000, "context_length", "messages", "8192 tokens, but your messages resulted in 90"),
        (
            {"kind": "chat", "messages": [{"role": "user", "content": "x" * 9000}], "param": "input"},
            "context_length",
            "input",
            "8192 tokens, but your input resulted in 90",
        ),
        ([5, 259], "invalid", "prompt", "Token 259 is not in the vocabulary of 259"),
        ([5, -1], "invalid", "prompt", "Token -1"),
        ([], "invalid", "prompt", "empty"),
        ({"kind": "text", "text": ""}, "invalid", "prompt", "empty"),
        ({"kind": "chat", "messages": []}, "invalid", "messages", "non-empty"),
        ({"kind": "chat", "messages": [], "param": "input"}, "invalid", "input", "non-empty"),
    ],
)
def test_bad_prompts(
    worker: WorkerProcess, prompt: Frame | str | list[int], kind: str, param: str, message: str
) -> None:
    failed = worker.complete(prompt).failed
    assert failed is not None
    assert (failed["kind"], failed["param"]) == (kind, param)
    assert message in failed["message"]
    assert worker.complete("zebra", max_tokens=3).finish is not None


def test_a_template_option_cannot_replace_the_workers_arguments(worker: WorkerProcess) -> None:
    messages = [{"role": "user", "content": "x"}]
    options = {"chat_template": "{{ 1 }}"}
    failed = worker.complete({"kind": "chat", "messages": messages, "template_options": options}).failed
    assert failed is not None
    assert "chat_template" in failed["message"]


def test_a_bad_request_fails_alone_in_a_batch(worker: WorkerProcess) -> None:
    good = worker.complete("zebra").tokens
    frames = [
        generate_frame(worker.new_id(), "zebra"),
        generate_frame(worker.new_id(), "zebra", sampling={"temperature": 9}),
        generate_frame(worker.new_id(), "zebra", sampling={"temperature": 0, "logit_bias": {"400": 1}}),
        generate_frame(worker.new_id(), [1000]),
        generate_frame(worker.new_id(), "zebra"),
    ]
    first, hot, biased, unknown, last = worker.complete_all(frames)
    assert first.tokens == last.tokens == good
    params = [completion.failed and completion.failed["param"] for completion in (hot, biased, unknown)]
    assert params == ["temperature", "logit_bias", "prompt"]


@pytest.mark.parametrize(
    "line", [b"nonsense\n", b"\n", b"{}\n", b"[1]\n", b"\xff\xfe\n", b'{"type":"load"}\n', b"[" * 99_999 + b"\n"]
)
def test_a_broken_frame_does_not_end_the_worker(worker: WorkerProcess, line: bytes) -> None:
    worker.send_bytes(line + b"\n")
    assert worker.complete("zebra", max_tokens=2).finish is not None


def test_a_broken_generate_frame_is_answered(worker: WorkerProcess) -> None:
    worker.send({"type": "generate", "id": "broken", "prompt": 5})
    frame = worker.read()
    assert (frame["type"], frame["id"], frame["kind"], frame["param"]) == ("failed", "broken", "invalid", "prompt")


def test_unknown_cancels_are_ignored(worker: WorkerProcess) -> None:
    worker.send({"type": "cancel", "id": "nobody"})
    assert worker.complete("zebra", max_tokens=2).finish is not None


@pytest.fixture(scope="module")
def strict_worker(tiny_text: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[WorkerProcess]:
    """A worker with a context of 64 tokens and a template that knows no aliens."""
    folder = tmp_path_factory.mktemp("strict")
    for file in tiny_text.iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    (folder / "chat_template.jinja").write_text(
        "{% if messages[0].role == 'alien' %}{{ raise_exception('Only humans may speak.') }}{% endif %}hello"
    )
    with WorkerProcess.loaded(folder, context_length=64) as process:
        yield process


@pytest.mark.parametrize("max_tokens", [None, 10_000])
def test_a_completion_ends_with_the_context(strict_worker: WorkerProcess, max_tokens: int | None) -> None:
    endless = {"temperature": 0, "logit_bias": {"2": -100}}
    completion = strict_worker.complete([5] * 60, max_tokens=max_tokens, sampling=endless)
    assert completion.finish is not None
    assert (completion.finish["reason"], len(completion.tokens)) == ("length", 4)


def test_a_prompt_as_long_as_the_context_is_refused(strict_worker: WorkerProcess) -> None:
    assert strict_worker.complete([5] * 63).finish is not None
    failed = strict_worker.complete([5] * 64).failed
    assert failed is not None
    assert "64 tokens" in failed["message"]


def test_the_templates_own_message_is_passed_on(strict_worker: WorkerProcess) -> None:
    failed = strict_worker.complete({"kind": "chat", "messages": [{"role": "alien", "content": "x"}]}).failed
    assert failed is not None
    assert (failed["kind"], failed["param"]) == ("invalid", "messages")
    assert "Only humans may speak." in failed["message"]
    assert strict_worker.complete("hi", max_tokens=2).finish is not None
