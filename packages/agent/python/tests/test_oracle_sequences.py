"""Sequences of requests that stop mlx_lm.server, and longer ones, on every sort of cache: the library's own tokens."""

from collections.abc import Callable

import numpy as np
import pytest
from mlx import nn

from architecture_models import ARCHITECTURES
from batch_support import complete_all, make_batch, make_request
from caches_support import MODELS, from_scratch, make_llama, make_prefix_cache, make_sliding, random_tokens
from mlxfleet_worker.caches.batching import Batching, find_batching
from mlxfleet_worker.caches.quantized import make_cache
from mlxfleet_worker.generation.batch import Batch

COUNT = 8
ASKING = [7, 8, 9]
"""What asks for an answer at the end of each prompt, which the next turn does not repeat."""


def make_quantizable() -> nn.Module:
    return make_llama(32)


EVERY_MODEL: dict[str, tuple[Callable[[], nn.Module], int | None]] = {
    **{name: (make, None) for name, make in (MODELS | ARCHITECTURES).items()},
    "quantized": (make_quantizable, 8),
    "quantized to 4 bits": (make_quantizable, 4),
}


class Served:
    """A batch with a prefix cache, and the library's answers to compare with."""

    def __init__(self, model: nn.Module, kv_bits: int | None) -> None:
        self.model = model
        self.kv_bits = kv_bits
        self.batch: Batch = make_batch(model, make_prefix_cache(model, kv_bits=kv_bits), kv_bits=kv_bits)

    def check(self, *prompts: list[int], stable: int = 0) -> tuple[list[list[int]], list[int]]:
        """Complete prompts in one batch; each has to be what the library makes of it alone."""
        requests = [make_request(prompt, COUNT, stable=stable) for prompt in prompts]
        completions, cached = complete_all(self.batch, requests)
        assert completions == [from_scratch(self.model, prompt, COUNT, self.kv_bits) for prompt in prompts]
        return completions, cached


@pytest.fixture(scope="module", params=EVERY_MODEL)
def model(request: pytest.FixtureRequest) -> tuple[nn.Module, int | None]:
    make, kv_bits = EVERY_MODEL[request.param]
    return make(), kv_bits


@pytest.fixture
def served(model: tuple[nn.Module, int | None]) -> Served:
    return Served(*model)


def test_an_exact_hit_twice_and_the_prompt_with_its_completion(served: Served) -> None:
    prompt = random_tokens(np.random.default_rng(1), 150)
    (done,), cached = served.check(prompt)
    assert cached == [0]
    for _ in range(2):
        assert served.check(prompt)[1] == [149]
    longer = prompt + done
    # A state so near to the one before is not kept: recurrent layers compute the few tokens again.
    for _ in range(2):
        assert served.check(longer)[1][0] in (149, 157)
    assert min(served.check(longer, prompt, longer)[1]) >= 149


def test_turns_and_tool_loops_in_mixed_batches(served: Served) -> None:
    rng = np.random.default_rng(2)
    conversations = [random_tokens(rng, 60 + 40 * number) for number in range(3)]
    for turn in range(4):
        prompts = [[*conversation, *ASKING] for conversation in conversations]
        completions, cached = served.check(*prompts)
        if turn:
            # Without hints the caches of recurrent layers are of the end of an answer, which is not taken back here.
            assert all(cached)
        # A call and its result, or an answer and the next question.
        results = [random_tokens(rng, int(rng.integers(1, 70))) for _ in conversations]
        conversations = [
            prompt + completion + result
            for prompt, completion, result in zip(prompts, completions, results, strict=True)
        ]


def test_turns_whose_answers_are_written_in_another_way(served: Served) -> None:
    """Reasoning is left out of the history: each turn goes on from where the last one asked."""
    rng = np.random.default_rng(3)
    conversation = random_tokens(rng, 200)
    expected = 0
    for _ in range(3):
        stable = len(conversation)
        (completion,), cached = served.check([*conversation, *ASKING], stable=stable)
        assert cached == [expected]
        expected = stable
        conversation += [5, *completion[COUNT // 2 :], *random_tokens(rng, 40)]


@pytest.mark.parametrize("name", MODELS | ARCHITECTURES)
def test_what_a_model_can_do_together_is_found_out(name: str) -> None:
    model = (MODELS | ARCHITECTURES)[name]()
    limited = {"mamba": Batching.DECODING, "recurrent_gemma": Batching.DECODING, "gemma2": Batching.NOTHING}
    found = find_batching(model, lambda: make_cache(model, None))
    assert found is limited.get(name, Batching.EVERYTHING)


@pytest.mark.parametrize("make", [make_llama, make_sliding])
def test_shorter_prompts_after_longer_ones(make: Callable[[], nn.Module]) -> None:
    served = Served(make(), None)
    prompt = random_tokens(np.random.default_rng(4), 300)
    for length in (300, 299, 298, 150, 2, 1, 300, 151):
        served.check(prompt[:length])
