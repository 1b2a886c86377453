"""Prefixes on disk survive a restart, within their bounds and at no cost for what runs."""

import stat
import time
from collections.abc import Callable
from pathlib import Path

import mlx.core as mx
import numpy as np
import pytest

from caches_support import (
    MODELS,
    from_scratch,
    make_llama,
    make_prefix_cache,
    random_tokens,
    read_and_fetch,
    serve,
)
from disk_support import COUNT, CountingTier, files, make_segments, planned, write
from mlxfleet_worker.caches.nodes import BLOCK, anchors
from mlxfleet_worker.caches.prefix_cache import BASE
from mlxfleet_worker.caches.quantized import make_cache
from mlxfleet_worker.caches.segment import Segment


@pytest.mark.parametrize("name", MODELS)
def test_prefixes_are_found_again_after_a_restart(name: str, open_tier: Callable[..., CountingTier]) -> None:
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    prompt = random_tokens(rng, 700)
    cache = make_prefix_cache(model, disk=open_tier())
    (done,), _ = serve(model, cache, [prompt], COUNT)
    cache.close()
    prompts = [prompt, prompt + done + random_tokens(rng, 30)]
    for number, each in enumerate(prompts):
        cache = make_prefix_cache(model, disk=open_tier())
        assert cache.memory_bytes == 0
        assert cache.disk_bytes > 0
        completions, starts = serve(model, cache, [each], COUNT)
        assert completions == [from_scratch(model, each, COUNT)]
        # Whole blocks, states and the ends of answers are on disk: windows only at the last.
        assert starts[0] >= (0 if name == "sliding" else 512, len(prompt))[number]
        assert cache.memory_bytes > 0
        cache.close()


def test_random_restarts_complete_as_from_scratch(open_tier: Callable[..., CountingTier]) -> None:
    for seed, name in enumerate(("full", "everything")):
        model = MODELS[name]()
        rng = np.random.default_rng(seed)
        known = [random_tokens(rng, 400)]
        cached = 0
        for _ in range(6):
            cache = make_prefix_cache(model, int(rng.choice([300_000, 1 << 28])), disk=open_tier(1_500_000, name))
            begin = known[int(rng.integers(len(known)))]
            prompts = [
                begin[: int(rng.choice([len(begin), rng.integers(2, len(begin))]))]
                + random_tokens(rng, int(rng.integers(0, 200)))
                for _ in range(2)
            ]
            completions, starts = serve(model, cache, prompts, COUNT)
            assert completions == [from_scratch(model, prompt, COUNT) for prompt in prompts]
            assert cache.disk_bytes <= 1_500_000
            cached += sum(starts)
            known += [prompt + done for prompt, done in zip(prompts, completions, strict=True)]
            cache.close()
        assert cached > 0


def test_files_are_private(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    folder.mkdir(mode=0o755)
    write(open_tier(), make_segments(2)[1])
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in folder.iterdir()} == {0o600}


def test_the_folder_is_bounded_and_the_oldest_go_first(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    one = make_segments(1)[1]
    tier = open_tier()
    write(tier, one)
    size = tier.size
    tier.close()
    tokens, segments = zip(*(make_segments(1, seed) for seed in range(8)), strict=True)
    tier = open_tier(max_bytes=4 * size + 50)
    for each in segments:
        write(tier, each)
        assert tier.size <= 4 * size + 50
        assert sum(file.stat().st_size for file in files(folder)) == tier.size
    assert [planned(tier, each) > 0 for each in tokens] == [False] * 4 + [True] * 4
    assert tier.touch([segments[4][0].key]) == []
    assert tier.touch([segments[0][0].key]) == [segments[0][0].key]
    tier.close()
    # The order outlives a restart, and a smaller bound holds at once.
    tier = open_tier(max_bytes=2 * size + 50)
    assert [planned(tier, each) > 0 for each in tokens] == [False] * 4 + [True, False, False, True]
    assert not [file for file in folder.iterdir() if file.name.endswith(".tmp")]


def test_the_beginning_of_a_sequence_is_as_new_as_its_end(open_tier: Callable[..., CountingTier]) -> None:
    tokens, segments = make_segments(6)
    tier = open_tier()
    write(tier, segments)
    size = tier.size // 6
    tier.close()
    tier = open_tier(max_bytes=size * 3 + 50)
    assert planned(tier, tokens) == 3 * BLOCK


def test_a_longer_end_takes_the_place_of_a_shorter_one(folder: Path, open_tier: Callable[..., CountingTier]) -> None:
    tokens, (block,) = make_segments(1)
    shorter, longer = (Segment(block.anchor, 0, tokens[:count], None, None, block.arrays) for count in (100, 200))
    tier = open_tier()
    write(tier, [shorter])
    write(tier, [longer])
    assert len(files(folder)) == 1
    assert planned(tier, tokens) == 200
    state = Segment(block.anchor, 0, tokens[:50], None, [1], block.arrays)
    write(tier, [state, block])
    assert len(files(folder)) == 2
    plan = tier.plan(anchors(BASE, tokens), tokens, 0, window=0, needs_state=True)
    assert plan is not None
    assert plan.length == 50


def test_what_is_on_disk_is_not_read_when_prefill_is_quicker(open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    prompt = random_tokens(np.random.default_rng(3), 700)
    cache = make_prefix_cache(model, disk=open_tier())
    serve(model, cache, [prompt], COUNT)
    cache.close()
    cache = make_prefix_cache(model, disk=open_tier())
    assert read_and_fetch(cache, prompt, 1e12) is None
    assert read_and_fetch(cache, prompt, 1.0) is not None
    cache.close()


def test_copying_for_the_disk_rests_while_requests_run(open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    tier = open_tier()
    cache = make_prefix_cache(model, disk=tier)
    prompt = random_tokens(np.random.default_rng(4), 1500)
    caches = make_cache(model, None)
    model(mx.array([prompt]), cache=caches)
    assert cache.insert(prompt, caches, "answer")
    begun, copying, waits = time.perf_counter(), [], True
    while waits:
        before = time.perf_counter()
        taken = tier.offered
        waits = cache.save_some()
        if tier.offered > taken:
            copying.append(time.perf_counter() - before)
    elapsed = time.perf_counter() - begun
    assert len(copying) == 6
    # A pause comes after each but the last. It keeps to a twentieth; the rest is for a machine under load.
    assert sum(copying[:-1]) < elapsed / 5
    cache.close()


def test_a_tier_of_no_bytes_does_nothing(open_tier: Callable[..., CountingTier]) -> None:
    model = make_llama()
    cache = make_prefix_cache(model, disk=open_tier(max_bytes=0))
    assert cache.disk_bytes == 0
    prompt = random_tokens(np.random.default_rng(6), 300)
    assert serve(model, cache, [prompt], COUNT)[1] == [0]
    assert not cache.save_some()
    cache.close()
