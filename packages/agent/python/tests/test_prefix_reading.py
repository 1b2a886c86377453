"""Prefixes that come from the disk: others decode on meanwhile, and what goes wrong costs time only."""

import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from mlx import nn

from batch_support import Run, make_batch, make_request
from caches_support import MODELS, from_scratch, make_prefix_cache, random_tokens
from mlxfleet_worker.caches.disk_folder import Reserve
from mlxfleet_worker.caches.disk_tier import DiskTier
from mlxfleet_worker.caches.nodes import BLOCK
from mlxfleet_worker.caches.segment import Segment
from mlxfleet_worker.caches.segment_file import Entry

COUNT = 6
BLOCKS = 8
FIRST_TURN = BLOCKS * BLOCK + 50
FULL = pytest.mark.parametrize("model", ["full"], indirect=True)


class SlowTier(DiskTier):
    """Takes longer to read a file than one step may, and does not say so."""

    on_read = staticmethod(lambda: None)
    """Called after each file."""

    def seconds_to_read(self, _size: int) -> float:
        """Always worth it."""
        return 0.0

    def read(self, entry: Entry) -> Segment | None:
        """Read, slowly."""
        time.sleep(0.04)
        segment = super().read(entry)
        self.on_read()
        return segment


@pytest.fixture(params=MODELS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return MODELS[request.param]()


@pytest.fixture
def prompt(model: nn.Module) -> list[int]:
    """The second turn of a conversation."""
    first = random_tokens(np.random.default_rng(1), FIRST_TURN)
    return [*first, *from_scratch(model, first, COUNT), *random_tokens(np.random.default_rng(2), 20)]


@pytest.fixture
def tier(model: nn.Module, prompt: list[int], tmp_path: Path) -> Iterator[SlowTier]:
    """A disk that knows the first turn."""
    first = DiskTier(tmp_path, 1 << 28, "f" * 64, reserve=Reserve(0, 0))
    cache = make_prefix_cache(model, disk=first)
    Run(make_batch(model, cache), [make_request(prompt[:FIRST_TURN], COUNT)]).to_the_end()
    cache.close()
    tier = SlowTier(tmp_path, 1 << 28, "f" * 64, reserve=Reserve(0, 0))
    yield tier
    tier.close()


def test_others_decode_while_a_prefix_is_read(model: nn.Module, prompt: list[int], tier: SlowTier) -> None:
    other, request = make_request([5, 6, 7], 200), make_request(prompt, COUNT)
    run = Run(make_batch(model, make_prefix_cache(model, disk=tier)), [other])
    run.until(lambda: bool(run.tokens[other]))
    at_reads: list[int] = []
    tier.on_read = lambda: at_reads.append(len(run.tokens[other]))
    run.arrive(request)
    run.until(lambda: len(run.tokens[request]) == COUNT)
    assert run.tokens[request] == from_scratch(model, prompt, COUNT)
    assert run.cached[request] >= FIRST_TURN
    # One file is all that a step has time for here.
    assert at_reads
    assert sorted(set(at_reads)) == at_reads


@FULL
def test_who_comes_meanwhile_is_not_kept_waiting(model: nn.Module, prompt: list[int], tier: SlowTier) -> None:
    first, request, late = (make_request(each, 20) for each in ([5, 6, 7], prompt, [8, 9]))
    run = Run(make_batch(model, make_prefix_cache(model, disk=tier)), [first])
    run.until(lambda: bool(run.tokens[first]))
    run.arrive(request)
    run.step()
    run.arrive(late)
    run.until(lambda: bool(run.tokens[late]))
    assert request in run.waiting
    run.to_the_end()
    assert run.tokens[request] == from_scratch(model, prompt, 20)


@FULL
def test_prompts_that_are_alike_are_read_once(model: nn.Module, prompt: list[int], tier: SlowTier) -> None:
    requests = [make_request(prompt, COUNT) for _ in range(3)]
    run = Run(make_batch(model, make_prefix_cache(model, disk=tier)), [make_request([5, 6, 7], 100)])
    run.step()
    reads = 0

    def count() -> None:
        nonlocal reads
        reads += 1

    tier.on_read = count
    for request in requests:
        run.arrive(request)
    run.to_the_end()
    assert min(run.cached[request] for request in requests) >= FIRST_TURN
    # Beside those of the first: the file that each had before it when another went on reading, and the last.
    assert reads <= BLOCKS + 1 + 2 * 2


@FULL
def test_what_is_pushed_out_meanwhile_is_computed(model: nn.Module, prompt: list[int], tier: SlowTier) -> None:
    batch = make_batch(model, make_prefix_cache(model, disk=tier))
    run = Run(batch, [make_request([5, 6, 7], 100)])
    run.step()
    request = make_request(prompt, COUNT)
    tier.on_read = lambda: batch.shrink(0)
    run.arrive(request)
    run.until(lambda: len(run.tokens[request]) == COUNT)
    assert run.tokens[request] == from_scratch(model, prompt, COUNT)
    assert run.cached[request] < BLOCK
