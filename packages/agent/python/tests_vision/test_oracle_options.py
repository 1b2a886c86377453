"""Prompts with images under a worker's further options: the output stays mlx_vlm's own."""

from pathlib import Path
from typing import Any

import pytest

from media_support import Conversation, chat, media_settings, put_image
from mlx_vlm_oracle import Oracle
from worker_process import Completion, WorkerProcess, generate_frame

TOKENS = 32
IN_MEMORY = {"memory_bytes": 100_000_000, "disk_path": None, "disk_bytes": 0}


def ask(worker: WorkerProcess, conversation: Conversation, **options: Any) -> Completion:
    worker.send({**generate_frame("a", conversation.prompt(), max_tokens=TOKENS), **options})
    completion = worker.collect(["a"])["a"]
    assert completion.failed is None
    return completion


def cached_tokens(completion: Completion) -> int:
    assert completion.started is not None
    return completion.started["cached_tokens"]


def conversation(spool: Path, seed: int = 1, words: int = 10) -> Conversation:
    # A text that speaks of itself: what a guess from the prompt can get right.
    return chat(("user", [put_image(spool, seed), "zebra " * words]))


@pytest.mark.parametrize("family", ["qwen2-vl", "gemma3", "qwen3-vl"])
def test_guessing_from_the_prompt(vision_models: Path, tmp_path: Path, family: str) -> None:
    folder, wanted = vision_models / family, conversation(tmp_path)
    guessing = {"prompt_lookup": True, "draft_path": None, "tokens": 4}
    with WorkerProcess.loaded(folder, task="vision", media=media_settings(tmp_path), speculation=guessing) as worker:
        answer = ask(worker, wanted)
    assert answer.tokens == Oracle(folder).complete(wanted.plain_messages(), wanted.pictures(), TOKENS)


@pytest.mark.parametrize("family", ["qwen2-vl", "qwen3.5"])
def test_prefixes_on_disk(vision_models: Path, tmp_path: Path, family: str) -> None:
    folder, spool = vision_models / family, tmp_path / "spool"
    spool.mkdir()
    wanted, other = conversation(spool, words=200), conversation(spool, seed=2, words=200)
    kept = {"memory_bytes": 100_000_000, "disk_path": str(tmp_path / "prefixes"), "disk_bytes": 100_000_000}
    answers: list[Completion] = []
    others: list[Completion] = []
    for _ in range(2):
        with WorkerProcess.loaded(folder, task="vision", media=media_settings(spool), prefix_cache=kept) as worker:
            answers.append(ask(worker, wanted))
            others.append(ask(worker, other))
            worker.close_stdin()
            worker.process.wait(30)
    first, second = answers
    assert first.tokens == second.tokens == Oracle(folder).complete(wanted.plain_messages(), wanted.pictures(), TOKENS)
    assert cached_tokens(first) == 0
    # What stands in front of the image.
    assert cached_tokens(others[0]) < 40
    assert cached_tokens(second) > 500


def test_quantized_caches(vision_models: Path, tmp_path: Path) -> None:
    wanted = conversation(tmp_path)
    folder = vision_models / "qwen3.5"
    with WorkerProcess.loaded(folder, task="vision", media=media_settings(tmp_path), kv_bits=8) as worker:
        answer = ask(worker, wanted)
    expected = Oracle(folder).complete(wanted.plain_messages(), wanted.pictures(), TOKENS)
    # 8 bits are not exact: the beginning is the same, and no answer would be.
    assert answer.tokens[:4] == expected[:4]


def test_images_of_one_client_are_not_known_to_another(vision_models: Path, tmp_path: Path) -> None:
    wanted = conversation(tmp_path)
    folder = vision_models / "qwen2-vl"
    with WorkerProcess.loaded(folder, task="vision", media=media_settings(tmp_path), prefix_cache=IN_MEMORY) as worker:
        first = ask(worker, wanted, cache_scope="one")
        assert cached_tokens(ask(worker, wanted, cache_scope="two")) == 0
        again = ask(worker, wanted, cache_scope="one")
    assert again.tokens == first.tokens
    assert again.started is not None
    assert cached_tokens(again) == again.started["prompt_tokens"] - 1
