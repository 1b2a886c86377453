"""Prefixes that are reused over the wire: the same tokens as without, less to compute, and kept over a restart."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker_process import Completion, WorkerProcess, generate_frame

RANDOM = random.Random(11)
MEGABYTE = 1 << 20


def tokens(count: int) -> list[int]:
    return [RANDOM.randrange(3, 250) for _ in range(count)]


def settings(folder: Path | None = None, memory: int = 64 * MEGABYTE) -> dict:
    return {
        "memory_bytes": memory,
        "disk_path": None if folder is None else str(folder),
        "disk_bytes": 0 if folder is None else 256 * MEGABYTE,
    }


@pytest.fixture(scope="module")
def caching(tiny_text: Path) -> Iterator[WorkerProcess]:
    with WorkerProcess.loaded(tiny_text, prefix_cache=settings()) as process:
        yield process


def cached(completion: Completion) -> int:
    assert completion.started is not None
    return completion.started["cached_tokens"]


def test_a_prompt_again_and_the_prompt_with_its_completion(caching: WorkerProcess, worker: WorkerProcess) -> None:
    """The sequences that stop mlx_lm.server: an exact hit, and P, then P with its completion."""
    prompt = tokens(300)
    first = caching.complete(prompt, max_tokens=20)
    again = caching.complete(prompt, max_tokens=20)
    assert cached(first) == 0
    assert cached(again) == len(prompt) - 1
    assert again.tokens == first.tokens == worker.complete(prompt, max_tokens=20).tokens
    longer = prompt + first.tokens
    assert cached(caching.complete(longer, max_tokens=20)) >= len(prompt)
    exact = caching.complete(longer, max_tokens=20)
    assert cached(exact) == len(longer) - 1
    assert exact.tokens == worker.complete(longer, max_tokens=20).tokens


def test_conversations_share_a_beginning_in_mixed_batches(caching: WorkerProcess, worker: WorkerProcess) -> None:
    system = tokens(700)
    prompts = [system[: RANDOM.randrange(1, 700)] + tokens(RANDOM.randrange(1, 80)) for _ in range(16)]
    expected = [worker.complete(prompt, max_tokens=12).tokens for prompt in prompts]
    caching.complete(system, max_tokens=2)
    for _ in range(2):
        frames = [generate_frame(caching.new_id(), prompt, max_tokens=12) for prompt in prompts]
        together = caching.complete_all(frames)
        assert [completion.tokens for completion in together] == expected
    assert sum(map(cached, together)) > 0.8 * sum(map(len, prompts))


def test_cancelled_prompts_leave_nothing_wrong_behind(caching: WorkerProcess, worker: WorkerProcess) -> None:
    prompt = tokens(4000)
    frame = generate_frame(caching.new_id(), prompt, max_tokens=5)
    caching.send(frame)
    caching.read_until(lambda reply: reply["type"] == "started")
    caching.send({"type": "cancel", "id": frame["id"]})
    assert caching.complete(prompt, max_tokens=8).tokens == worker.complete(prompt, max_tokens=8).tokens


def test_shrinking_drops_prefixes(caching: WorkerProcess) -> None:
    prompt = tokens(300)
    caching.complete(prompt, max_tokens=2)
    assert caching.ping()["prefix_cache_bytes"] > 0
    caching.send({"type": "shrink", "kept_bytes": 0})
    assert cached(caching.complete(prompt, max_tokens=2)) == 0


def test_prefixes_survive_a_restart_on_disk(tiny_text: Path, worker: WorkerProcess, tmp_path: Path) -> None:
    folder = tmp_path / "prefixes"
    prompt = tokens(2000)
    with WorkerProcess.loaded(tiny_text, prefix_cache=settings(folder)) as process:
        first = process.complete(prompt, max_tokens=8)
        process.close_stdin()
        assert process.wait_exit(15) == 0
    with WorkerProcess.loaded(tiny_text, prefix_cache=settings(folder)) as process:
        again = process.complete(prompt, max_tokens=8)
        assert again.tokens == first.tokens == worker.complete(prompt, max_tokens=8).tokens
        assert cached(again) > 1000
        assert process.ping()["prefix_disk_bytes"] > 0


def test_quantized_caches_stay_batched_and_are_reused(smollm2: Path) -> None:
    prompts = [tokens(60), tokens(30), tokens(10)]
    with WorkerProcess.loaded(smollm2, kv_bits=8, prefix_cache=settings()) as process:
        alone = [process.complete(prompt, max_tokens=4).tokens for prompt in prompts]
        frames = [generate_frame(process.new_id(), prompt, max_tokens=4) for prompt in prompts]
        together = process.complete_all(frames)
        assert [completion.tokens for completion in together] == alone
        assert cached(together[0]) == len(prompts[0]) - 1


def test_a_model_whose_heads_fit_no_quantized_cache_says_so(tiny_text: Path) -> None:
    with WorkerProcess.started() as process:
        process.send_load(tiny_text, kv_bits=8)
        failed = process.read(60)
        assert failed["type"] == "load_failed"
        assert failed["message"].startswith("kv_bits needs heads whose size is a multiple of 32")


def test_scopes_share_nothing_in_memory_on_disk_and_side_by_side(tiny_text: Path, tmp_path: Path) -> None:
    """The holder of one API key cannot tell from counts of cached tokens what another has sent."""
    prompt = tokens(600)

    def frames(worker: WorkerProcess, *scopes: str | None) -> list[dict]:
        return [{**generate_frame(worker.new_id(), prompt, max_tokens=8), "cache_scope": scope} for scope in scopes]

    with WorkerProcess.loaded(tiny_text, prefix_cache=settings(tmp_path)) as first:
        together = first.complete_all(frames(first, "a", "b", "a", "b"))
        assert sorted(map(cached, together)) == [0, 0, 599, 599]
        assert [cached(each) for each in first.complete_all(frames(first, None, "a"))] == [0, 599]
        first.process.terminate()
        first.process.wait(20)
    with WorkerProcess.loaded(tiny_text, prefix_cache=settings(tmp_path)) as second:
        assert [cached(each) for each in second.complete_all(frames(second, "c"))] == [0]
        (known,) = second.complete_all(frames(second, "a"))
        assert cached(known) >= 512
        assert {tuple(each.tokens) for each in [*together, known]} == {tuple(together[0].tokens)}
