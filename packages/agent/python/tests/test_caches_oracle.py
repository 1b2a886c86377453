"""A completion that goes on from kept prefixes is the completion from scratch, whatever the model's caches are."""

from pathlib import Path
from typing import Any

import mlx.core as mx
import numpy as np
import pytest
from mlx import nn
from mlx_lm import load

from caches_support import (
    MODELS,
    VOCABULARY,
    from_scratch,
    make_prefix_cache,
    random_tokens,
    serve,
)
from mlxfleet_worker.caches.layout import Layout, state_arrays
from mlxfleet_worker.caches.prefix_cache import PrefixCache
from mlxfleet_worker.caches.quantized import make_cache
from mlxfleet_worker.generation.decoding import make_generator

COUNT = 12


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return MODELS[request.param]()


def contents(layout: Layout, caches: list[Any], length: int) -> list[np.ndarray]:
    """Everything that matters in caches that hold `length` tokens."""
    arrays = [*layout.pack_tokens(caches, 0, length), *state_arrays(layout.copy_state(caches))]
    if layout.window:
        arrays += layout.pack_windows(caches, length, layout.window_start(length), length)
    return [np.array(array.astype(mx.float32)) for array in arrays]


def assert_holds(model: nn.Module, caches: list[Any], tokens: list[int]) -> None:
    """The caches are those of these tokens, computed from nothing."""
    expected = make_cache(model, None)
    layout = Layout.probe(model, lambda: make_cache(model, None))
    model(mx.array([tokens]), cache=expected)
    assert layout.accepts(caches, len(tokens))
    for one, other in zip(contents(layout, caches, len(tokens)), contents(layout, expected, len(tokens)), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_any_mix_of_shared_beginnings_completes_as_from_scratch(model: nn.Module, seed: int) -> None:
    rng = np.random.default_rng(seed)
    cache = make_prefix_cache(model)
    known: list[list[int]] = [random_tokens(rng, int(rng.integers(40, 600)))]
    cached_tokens = 0
    for _ in range(5):
        prompts = []
        for _ in range(int(rng.integers(1, 6))):
            begin = known[int(rng.integers(len(known)))]
            shared = begin[: int(rng.integers(1, len(begin) + 1))]
            prompts.append(shared + random_tokens(rng, int(rng.integers(0 if len(shared) > 1 else 1, 200))))
        completions, starts = serve(model, cache, prompts, COUNT, prefill_step_size=int(rng.choice([64, 2048])))
        assert completions == [from_scratch(model, prompt, COUNT) for prompt in prompts]
        assert all(0 <= start < len(prompt) for start, prompt in zip(starts, prompts, strict=True))
        cached_tokens += sum(starts)
        known += [prompt + done for prompt, done in zip(prompts, completions, strict=True)]
    assert cached_tokens > 0


def test_what_is_fetched_is_what_prefill_computes(model: nn.Module) -> None:
    rng = np.random.default_rng(11)
    cache = make_prefix_cache(model)
    prompt = random_tokens(rng, 530)
    (done,), _ = serve(model, cache, [prompt], COUNT)
    for tokens in (prompt, prompt + done + random_tokens(rng, 5)):
        hit = cache.fetch(tokens)
        assert hit is not None
        assert hit.length >= len(prompt) - 1
        assert_holds(model, hit.caches, tokens[: hit.length])


def test_the_same_prompt_again(model: nn.Module) -> None:
    prompt = random_tokens(np.random.default_rng(1), 300)
    cache = make_prefix_cache(model)
    expected = [from_scratch(model, prompt, COUNT)]
    assert serve(model, cache, [prompt], COUNT) == (expected, [0])
    for _ in range(3):
        assert serve(model, cache, [prompt], COUNT) == (expected, [299])


def test_a_prompt_and_then_the_prompt_with_its_completion(model: nn.Module) -> None:
    prompt = random_tokens(np.random.default_rng(2), 300)
    cache = make_prefix_cache(model)
    (done,), _ = serve(model, cache, [prompt], COUNT)
    again = prompt + done
    completions, (start,) = serve(model, cache, [again], COUNT)
    assert completions == [from_scratch(model, again, COUNT)]
    # The caches hold the whole completion; without a state to go back to, one token less is used.
    assert start in (len(again) - 1, len(prompt) - 1)
    longer = [*again, 5, 6, 7]
    completions, (start,) = serve(model, cache, [longer], COUNT)
    assert completions == [from_scratch(model, longer, COUNT)]
    assert start >= len(again) - 1


def test_a_beginning_that_two_prompts_share_serves_the_third(model: nn.Module) -> None:
    rng = np.random.default_rng(3)
    system = random_tokens(rng, 400)
    cache = make_prefix_cache(model)
    starts = [
        serve(model, cache, [[*system, number, *random_tokens(rng, 150)]], COUNT)[1][0] for number in (10, 20, 30, 40)
    ]
    assert starts[0] == 0
    assert starts[2:] == [400, 400]


def test_a_system_prompt_that_is_named_serves_the_second(model: nn.Module) -> None:
    rng = np.random.default_rng(4)
    system = random_tokens(rng, 400)
    cache = make_prefix_cache(model)
    hints = {"system_length": 400}
    first, second = ([*system, number, *random_tokens(rng, 150)] for number in (10, 20))
    serve(model, cache, [first], COUNT, hints=hints)
    completions, starts = serve(model, cache, [second], COUNT, hints=hints)
    assert starts == [400]
    assert completions == [from_scratch(model, second, COUNT)]


def test_a_turn_whose_end_is_taken_back_goes_on_from_the_stable_part(model: nn.Module) -> None:
    rng = np.random.default_rng(5)
    history = random_tokens(rng, 350)
    cache = make_prefix_cache(model)
    serve(model, cache, [[*history, 7, 8, 9]], COUNT, hints={"stable_length": 350})
    following = [*history, 50, 51, 52, *random_tokens(rng, 40)]
    completions, starts = serve(model, cache, [following], COUNT)
    assert starts == [350]
    assert completions == [from_scratch(model, following, COUNT)]


def test_requests_that_arrive_together_do_not_disturb_each_other(model: nn.Module) -> None:
    rng = np.random.default_rng(6)
    cache = make_prefix_cache(model)
    system = random_tokens(rng, 300)
    serve(model, cache, [system], COUNT)
    prompts = [
        system,
        system,
        system[:150] + random_tokens(rng, 60),
        random_tokens(rng, 3),
        random_tokens(rng, 2),
        [*system, 5],
        [4],
        system[:299] + random_tokens(rng, 300),
    ]
    completions, _ = serve(model, cache, prompts, COUNT)
    assert completions == [from_scratch(model, prompt, COUNT) for prompt in prompts]


def test_quantized_prefixes_complete_as_from_scratch() -> None:
    from caches_support import make_llama

    rng = np.random.default_rng(8)
    model = make_llama(64)
    cache = make_prefix_cache(model, kv_bits=8)
    prompt = random_tokens(rng, 400)
    prompts = [prompt, prompt[:300] + random_tokens(rng, 30), [*prompt, 5, 6, 7]]
    for each in prompts:
        # In chunks as the cache serves them: with quantized caches a token sees what is quantized of those before.
        completions, _ = serve(model, cache, [each], COUNT, kv_bits=8)
        assert completions == [from_scratch(model, each, COUNT, kv_bits=8)]
    completions, starts = serve(model, cache, prompts, COUNT, kv_bits=8)
    assert completions == [from_scratch(model, each, COUNT, kv_bits=8) for each in prompts]
    assert starts == [len(each) - 1 for each in prompts]


def test_a_model_from_a_file(tiny_text: Path) -> None:
    model, _ = load(str(tiny_text))
    rng = np.random.default_rng(9)
    cache = make_prefix_cache(model)
    system = random_tokens(rng, 700)
    for _ in range(3):
        prompts = [system + random_tokens(rng, int(rng.integers(1, 80))) for _ in range(4)]
        completions, _ = serve(model, cache, prompts, COUNT)
        assert completions == [from_scratch(model, prompt, COUNT) for prompt in prompts]


def test_changing_what_was_fetched_changes_nothing_that_is_kept(model: nn.Module) -> None:
    prompt = random_tokens(np.random.default_rng(10), 300)
    cache = make_prefix_cache(model)
    serve(model, cache, [prompt], COUNT)
    first = cache.fetch(prompt)
    assert first is not None
    # Decoding into it, and writing over all that is in it.
    model(mx.array([[VOCABULARY - 1] * 3]), cache=first.caches)
    second = cache.fetch(prompt)
    assert second is not None
    for each in second.caches:
        spoil(each)
    third = cache.fetch(prompt)
    assert third is not None
    assert_holds(model, third.caches, prompt[: third.length])


@pytest.mark.parametrize("first", [1, 30, 95, 150])
def test_a_chunk_of_one_token_hides_nothing_from_the_chunks_after_it(model: nn.Module, first: int) -> None:
    """Sliding windows turn into rings at one token, beside a row that has padding or not."""
    rng = np.random.default_rng(first)
    chunks = [[first, 1, 20, 1, 1, 7, 1], [150, 1, 20, 1, 3, 5, 1]]
    segments = [[random_tokens(rng, count) for count in row] for row in chunks]
    generator = make_generator(model, max_tokens=COUNT)
    uids = generator.insert_segments(segments, caches=[make_cache(model, None) for _ in segments])
    completions: dict[int, list[int]] = {uid: [] for uid in uids}
    while any(len(completion) < COUNT for completion in completions.values()):
        for response in generator.next()[1]:
            completions[response.uid].append(response.token)
    generator.close()
    prompts = [[token for chunk in row for token in chunk] for row in segments]
    assert list(completions.values()) == [from_scratch(model, prompt, COUNT) for prompt in prompts]


def spoil(cache: Any) -> None:
    """Assign to everything in a cache in place."""
    for each in getattr(cache, "caches", [cache]):
        arrays = each.cache if hasattr(each, "cache") else [each.keys, each.values]
        for array in arrays:
            array[...] = 77.0
            mx.eval(array)


def test_what_a_prompt_leaves_can_be_thrown_away(model: nn.Module) -> None:
    """Inserting copies: spoiling the caches that were inserted changes nothing that is kept."""
    prompt = random_tokens(np.random.default_rng(12), 300)
    cache: PrefixCache = make_prefix_cache(model)
    caches = make_cache(model, None)
    model(mx.array([prompt]), cache=caches)
    assert cache.insert(prompt, caches, "prompt")
    for each in caches:
        spoil(each)
    hit = cache.fetch([*prompt, 5])
    assert hit is not None
    assert hit.length == 300
    assert_holds(model, hit.caches, prompt)
