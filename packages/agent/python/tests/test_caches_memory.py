"""The prefix cache in memory: its bytes are honest and bounded, and what is kept longest is what is used."""

import gc
import resource
from collections.abc import Callable
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn

from caches_support import MODELS, make_hybrid, make_llama, make_prefix_cache, make_sliding, random_tokens
from mlxfleet_worker.caches.layout import Layout, state_arrays
from mlxfleet_worker.caches.memory import NODE_BYTES
from mlxfleet_worker.caches.nodes import Node
from mlxfleet_worker.caches.prefix_cache import Boundary, Kind, PrefixCache
from mlxfleet_worker.caches.quantized import make_cache


def prefill(model: nn.Module, tokens: list[int]) -> list[Any]:
    caches = make_cache(model, None)
    model(mx.array([tokens]), cache=caches)
    return caches


def insert(model: nn.Module, cache: PrefixCache, tokens: list[int], kind: Kind = "answer") -> bool:
    return cache.insert(tokens, prefill(model, tokens), kind)


def fetched(cache: PrefixCache, tokens: list[int]) -> int:
    hit = cache.fetch(tokens)
    return hit.length if hit else 0


def every_node(cache: PrefixCache) -> list[Node]:
    nodes = [tree.root for tree in cache._memory._trees.values()]
    for node in nodes:
        nodes.extend(node.children.values())
    return nodes[1:]


def arrays_of(node: Node) -> list[mx.array]:
    return [*node.packed, *(node.windows or ()), *state_arrays(node.state or [])]


@pytest.mark.parametrize("name", MODELS)
def test_the_budget_is_never_exceeded(name: str) -> None:
    model = MODELS[name]()
    rng = np.random.default_rng(1)
    budget = 500_000
    cache = make_prefix_cache(model, budget)
    known = [random_tokens(rng, 300)]
    kept = 0
    for _ in range(25):
        begin = known[int(rng.integers(len(known)))]
        tokens = begin[: int(rng.integers(1, len(begin) + 1))] + random_tokens(rng, int(rng.integers(1, 400)))
        kept += insert(model, cache, tokens, rng.choice(["system", "prompt", "answer"]))
        assert cache.memory_bytes <= budget
        cache.fetch(known[int(rng.integers(len(known)))])
        known = [*known[-20:], tokens]
    assert kept > 5
    cache.shrink(100_000)
    assert cache.memory_bytes <= 100_000
    cache.shrink(0)
    assert cache.memory_bytes == 0
    assert fetched(cache, known[-1]) == 0
    assert insert(model, cache, known[0])


@pytest.mark.parametrize("make", [make_llama, make_sliding, make_hybrid])
def test_the_bytes_are_those_that_mlx_holds(make: Callable[[], nn.Module]) -> None:
    model = make()
    rng = np.random.default_rng(2)
    cache = make_prefix_cache(model, 1 << 30)
    system = random_tokens(rng, 500)
    gc.collect()
    mx.synchronize()
    before = mx.get_active_memory()
    for _ in range(6):
        assert insert(model, cache, system + random_tokens(rng, 300))
    gc.collect()
    mx.synchronize()
    held = mx.get_active_memory() - before
    nodes = every_node(cache)
    arrays = [array for node in nodes for array in arrays_of(node)]
    exact = sum(array.nbytes for array in arrays)
    # MLX takes a freed buffer of up to two pages more, and Metal rounds up to whole pages.
    assert exact <= held <= exact + len(arrays) * 3 * resource.getpagesize()
    tokens = sum(len(node.tokens) for node in nodes)
    assert cache.memory_bytes == exact + 4 * tokens + NODE_BYTES * len(nodes)


def test_a_shared_beginning_is_kept_once() -> None:
    model = make_llama()
    rng = np.random.default_rng(3)
    layout = Layout.probe(model, lambda: make_cache(model, None))
    cache = make_prefix_cache(model)
    system = random_tokens(rng, 1000)
    for _ in range(8):
        assert insert(model, cache, system + random_tokens(rng, 50))
    alone = (1000 + 8 * 50) * layout.bytes_per_token
    assert alone < cache.memory_bytes < 1.15 * alone


def test_what_is_larger_than_the_budget_is_not_kept_and_displaces_nothing() -> None:
    model = make_llama()
    rng = np.random.default_rng(4)
    cache = make_prefix_cache(model, 300_000)
    small = random_tokens(rng, 200)
    assert insert(model, cache, small)
    assert not insert(model, cache, random_tokens(rng, 900))
    assert fetched(cache, small) == 199


def test_no_budget_keeps_nothing() -> None:
    model = make_llama()
    cache = make_prefix_cache(model, 0)
    assert not insert(model, cache, [5, 6, 7])
    assert cache.fetch([5, 6, 7]) is None
    assert cache.memory_bytes == cache.disk_bytes == 0


def test_the_least_recently_used_goes_first() -> None:
    model = make_llama()
    rng = np.random.default_rng(5)
    first, second, third = (random_tokens(rng, 250) for _ in range(3))
    cache = make_prefix_cache(model, 450_000)
    assert insert(model, cache, first)
    assert insert(model, cache, second)
    assert fetched(cache, first) == 249
    assert insert(model, cache, third)
    assert fetched(cache, first) == 249
    assert fetched(cache, second) == 0
    assert fetched(cache, third) == 249


def test_a_system_prompt_outlives_conversations_that_are_newer() -> None:
    model = make_llama()
    rng = np.random.default_rng(6)
    system = random_tokens(rng, 200)
    cache = make_prefix_cache(model, 600_000)
    assert insert(model, cache, system, "system")
    for _ in range(10):
        assert insert(model, cache, random_tokens(rng, 250))
    assert fetched(cache, [*system, 5]) == 200


def test_system_prompts_that_never_come_again_do_not_fill_everything() -> None:
    model = make_llama()
    rng = np.random.default_rng(7)
    cache = make_prefix_cache(model, 1_000_000)
    for _ in range(10):
        assert insert(model, cache, random_tokens(rng, 200), "system")
    conversation = random_tokens(rng, 250)
    assert insert(model, cache, conversation)
    assert insert(model, cache, random_tokens(rng, 200), "system")
    assert fetched(cache, conversation) == 249


def test_old_states_in_a_growing_conversation_make_room_for_new_ones() -> None:
    model = make_hybrid()
    rng = np.random.default_rng(8)
    cache = make_prefix_cache(model, 400_000)
    conversation: list[int] = []
    for _ in range(30):
        conversation += random_tokens(rng, 20)
        assert insert(model, cache, conversation)
        assert fetched(cache, [*conversation, 5]) == len(conversation)
    assert cache.memory_bytes <= 400_000


@pytest.mark.parametrize("tokens", [[], [5]])
def test_too_few_tokens_to_fetch(tokens: list[int]) -> None:
    model = make_llama()
    cache = make_prefix_cache(model)
    assert insert(model, cache, [5, 6, 7])
    assert cache.fetch(tokens) is None
    assert not cache.insert([], make_cache(model, None), "prompt")


def test_caches_that_do_not_hold_the_tokens_are_refused() -> None:
    model = make_llama()
    other = make_hybrid()
    cache = make_prefix_cache(model)
    caches = prefill(model, [5, 6, 7])
    assert not cache.insert([5, 6, 7, 8], caches, "prompt")
    assert not cache.insert([5, 6], caches, "prompt")
    assert not cache.insert([5, 6, 7], caches[:-1], "prompt")
    assert not cache.insert([5, 6, 7], prefill(other, [5, 6, 7]), "prompt")
    assert not cache.insert([5, 6, 7], make_cache(model, None), "prompt")
    assert not cache.insert(
        [5, 6, 7], [layers[0].merge(list(layers)) for layers in zip(caches, caches, strict=True)], "prompt"
    )
    assert cache.memory_bytes == 0


def test_an_error_inside_drops_everything_and_fails_nobody() -> None:
    model = make_llama()
    cache = make_prefix_cache(model)
    assert insert(model, cache, [5, 6, 7])
    broken = prefill(model, [5, 6, 7, 8])
    broken[1].values = mx.zeros((1, 2, 0, 16))
    assert not cache.insert([5, 6, 7, 8], broken, "prompt")
    assert cache.memory_bytes == 0
    assert insert(model, cache, [5, 6, 7])
    assert fetched(cache, [5, 6, 7]) == 2


def test_boundaries_without_checkpoints_are_the_end_and_the_system_prompt() -> None:
    model = make_llama()
    cache = make_prefix_cache(model)
    prompt = random_tokens(np.random.default_rng(9), 300)
    assert cache.boundaries(prompt, 0) == [Boundary(299, "prompt")]
    assert cache.boundaries(prompt, 0, system_length=100, stable_length=200) == [
        Boundary(100, "system"),
        Boundary(299, "prompt"),
    ]
    assert cache.boundaries(prompt, 100, system_length=100) == [Boundary(299, "prompt")]
    assert cache.boundaries(prompt, 290) == []
    assert cache.boundaries(prompt, 0, system_length=5000) == [Boundary(299, "prompt")]
    assert cache.boundaries([5], 0) == cache.boundaries([], 0) == []


def test_boundaries_with_checkpoints_are_not_close_to_each_other() -> None:
    model = make_hybrid()
    cache = make_prefix_cache(model)
    prompt = random_tokens(np.random.default_rng(10), 300)
    assert cache.boundaries(prompt, 0, system_length=100, stable_length=290) == [
        Boundary(100, "system"),
        Boundary(290, "prompt"),
    ]
    insert(model, cache, prompt)
    branch = [*prompt[:120], *random_tokens(np.random.default_rng(11), 180)]
    assert cache.boundaries(branch, 0) == [Boundary(120, "prompt"), Boundary(299, "prompt")]
    assert cache.boundaries(branch, 0, system_length=120)[0] == Boundary(120, "system")


def test_nothing_is_kept_after_closing() -> None:
    model = make_llama()
    cache = make_prefix_cache(model)
    assert insert(model, cache, [5, 6, 7])
    cache.close()
    assert cache.memory_bytes == 0
    assert not insert(model, cache, [5, 6, 7])
    assert cache.fetch([5, 6, 7]) is None


def test_scopes_know_nothing_of_each_other_and_share_the_room() -> None:
    model = make_llama()
    budget = 500_000
    cache = make_prefix_cache(model, budget)
    tokens = random_tokens(np.random.default_rng(9), 600)
    caches = prefill(model, tokens)
    lengths: dict[str | None, int] = {}
    for scope in (None, "a", "b"):
        assert cache.fetch(tokens, scope=scope) is None
        assert cache.known_length(tokens, scope) == 0
        assert cache.insert(tokens, caches, "answer", scope=scope)
        hit = cache.fetch(tokens, scope=scope)
        lengths[scope] = hit.length if hit else 0
        assert cache.memory_bytes <= budget
    assert lengths == {None: 599, "a": 599, "b": 599}
    cache.shrink(0)
    assert [cache.known_length(tokens, scope) for scope in (None, "a", "b")] == [0, 0, 0]
