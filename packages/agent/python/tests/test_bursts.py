"""Prompts that come in a burst: the next ones begin in the step in which those before leave prefill."""

import numpy as np
import pytest
from mlx import nn

from batch_support import Run, make_batch, make_request
from caches_support import MODELS, from_scratch, make_prefix_cache, random_tokens
from mlxfleet_worker.generation.batch import PREFILL_BATCH_SIZE
from mlxfleet_worker.generation.prefills import LONGEST_LEAVING

COUNT = 6


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return MODELS[request.param]()


def test_each_step_computes_as_many_short_prompts_as_there_is_room_for(model: nn.Module) -> None:
    rng = np.random.default_rng(1)
    requests = [make_request(random_tokens(rng, 9), COUNT) for _ in range(3 * PREFILL_BATCH_SIZE)]
    run = Run(make_batch(model, None, 3 * PREFILL_BATCH_SIZE), requests)
    waiting = []
    for _ in range(3):
        run.step()
        waiting.append(len(run.waiting))
    assert waiting == [2 * PREFILL_BATCH_SIZE, PREFILL_BATCH_SIZE, 0]
    run.to_the_end()
    assert [run.tokens[each] for each in requests] == [from_scratch(model, each.prompt, COUNT) for each in requests]


def test_nobody_begins_beside_long_prompts_that_leave() -> None:
    rng, model = np.random.default_rng(2), MODELS["full"]()
    requests = [make_request(random_tokens(rng, LONGEST_LEAVING + 2), COUNT) for _ in range(PREFILL_BATCH_SIZE + 1)]
    batch = make_batch(model, None, 2 * PREFILL_BATCH_SIZE)
    run = Run(batch, requests).until(lambda: len(batch) > 0 and batch._prefilling.to_compute == 0)
    assert not batch.has_room
    run.to_the_end()
    assert [run.tokens[each] for each in requests] == [from_scratch(model, each.prompt, COUNT) for each in requests]


def test_a_long_prefix_from_the_cache_joins_short_prompts_that_leave(model: nn.Module) -> None:
    rng = np.random.default_rng(3)
    first = random_tokens(rng, 700)
    batch = make_batch(model, make_prefix_cache(model), 3 * PREFILL_BATCH_SIZE)
    run = Run(batch, [make_request(first, COUNT)]).to_the_end()
    follow_up = make_request([*first, *from_scratch(model, first, COUNT), *random_tokens(rng, 20)], COUNT)
    requests = [*(make_request(random_tokens(rng, 9), COUNT) for _ in range(PREFILL_BATCH_SIZE)), follow_up]
    for request in requests:
        run.arrive(request)
    run.to_the_end()
    assert run.cached[follow_up] >= 700
    assert [run.tokens[each] for each in requests] == [from_scratch(model, each.prompt, COUNT) for each in requests]
