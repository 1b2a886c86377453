"""Prompts that arrive together and begin alike: what they share is computed once, and nobody waits in vain."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from mlx import nn

from batch_support import Run, complete_all, make_batch, make_request
from caches_support import MODELS, from_scratch, make_hybrid, make_llama, make_prefix_cache, random_tokens
from mlxfleet_worker.caches.prefix_cache import Boundary
from mlxfleet_worker.generation.batch import Batch
from mlxfleet_worker.generation.pacing import PrefillPacer
from mlxfleet_worker.generation.prefills import LEAST_SHARED, Prefills, Shared, cut
from mlxfleet_worker.tokens.common_length import common_length
from worker_process import Completion, WorkerProcess, generate_frame

COUNT = 6
CACHE = {"memory_bytes": 64 << 20, "disk_path": None, "disk_bytes": 0}


@pytest.fixture(scope="module", params=MODELS)
def model(request: pytest.FixtureRequest) -> nn.Module:
    return MODELS[request.param]()


def sharing_batch(model: nn.Module, memory_bytes: int = 1 << 28) -> Batch:
    return make_batch(model, make_prefix_cache(model, memory_bytes))


def test_one_prompt_several_times_is_computed_once(model: nn.Module) -> None:
    prompt = random_tokens(np.random.default_rng(1), 400)
    completions, cached = complete_all(sharing_batch(model), [make_request(prompt, COUNT) for _ in range(5)])
    assert completions == [from_scratch(model, prompt, COUNT)] * 5
    assert cached == [0, 399, 399, 399, 399]


def test_a_shared_beginning_is_computed_once(model: nn.Module) -> None:
    rng = np.random.default_rng(2)
    system = random_tokens(rng, 300)
    prompts = [[*system, number, *random_tokens(rng, 20 * number)] for number in range(3, 8)]
    completions, cached = complete_all(sharing_batch(model), [make_request(each, COUNT) for each in prompts])
    assert completions == [from_scratch(model, each, COUNT) for each in prompts]
    assert cached == [0, 300, 300, 300, 300]


def test_what_shares_little_does_not_wait(model: nn.Module) -> None:
    rng = np.random.default_rng(3)
    shared = random_tokens(rng, LEAST_SHARED - 1)
    prompts = [[*shared, number, *random_tokens(rng, 50)] for number in (3, 4)]
    _, cached = complete_all(sharing_batch(model), [make_request(each, COUNT) for each in prompts])
    assert cached == [0, 0]


def test_a_chain_of_beginnings(model: nn.Module) -> None:
    rng = np.random.default_rng(4)
    whole = random_tokens(rng, 700)
    prompts = [whole[:end] + random_tokens(rng, 9) for end in (700, 500, 300)]
    completions, cached = complete_all(sharing_batch(model), [make_request(each, COUNT) for each in prompts])
    assert completions == [from_scratch(model, each, COUNT) for each in prompts]
    assert cached == [0, 500, 300]


@pytest.mark.parametrize("make", [make_llama, make_hybrid])
def test_a_late_comer_takes_what_there_is_already(make: Callable[[], nn.Module]) -> None:
    model = make()
    rng = np.random.default_rng(5)
    long = random_tokens(rng, 3000)
    batch = sharing_batch(model)
    leader, late = make_request(long, COUNT), make_request(long[:400] + random_tokens(rng, 30), COUNT)
    run = Run(batch, [leader])
    run.step()
    (uid,) = batch._requests
    run.until(lambda: batch._prefilling.computed(uid) > 400)
    assert batch.has_prefill
    run.arrive(late)
    run.to_the_end()
    assert [run.tokens[each] for each in (leader, late)] == [
        from_scratch(model, each.prompt, COUNT) for each in (leader, late)
    ]
    # States of the past are gone: with them there is nothing to take.
    assert run.cached[late] == (400 if make is make_llama else 0)


def test_followers_of_one_that_is_cancelled_go_on_by_themselves(model: nn.Module) -> None:
    rng = np.random.default_rng(6)
    prompt = random_tokens(rng, 400)
    batch = sharing_batch(model)
    # One that knows no speeds begins with a small pass, so that the leader is not done in its first.
    batch._pacer = PrefillPacer()
    leader, *followers = (make_request([*prompt, number], COUNT) for number in (3, 4, 5))
    run = Run(batch, [leader, *followers])
    run.step()
    assert run.waiting == followers
    assert batch.remove(leader)
    run.to_the_end()
    assert [run.tokens[each] for each in followers] == [from_scratch(model, each.prompt, COUNT) for each in followers]
    assert [run.cached[each] for each in followers] == [0, 400]


def test_followers_of_one_whose_step_failed_go_on_by_themselves(model: nn.Module) -> None:
    prompt = random_tokens(np.random.default_rng(10), 400)
    batch = sharing_batch(model)
    leader, follower = (make_request([*prompt, number], COUNT) for number in (3, 4))
    run = Run(batch, [leader, follower])
    run.step()
    assert run.waiting == [follower]
    assert batch.reset() == [leader]
    run.to_the_end()
    assert run.tokens[follower] == from_scratch(model, follower.prompt, COUNT)


def test_followers_do_not_wait_for_what_cannot_be_kept() -> None:
    model = make_llama()
    prompt = random_tokens(np.random.default_rng(7), 600)
    batch = sharing_batch(model, memory_bytes=50_000)
    completions, cached = complete_all(batch, [make_request(prompt, COUNT) for _ in range(3)])
    assert completions == [from_scratch(model, prompt, COUNT)] * 3
    assert cached == [0, 0, 0]


def test_without_a_prefix_cache_nobody_waits() -> None:
    model = make_llama()
    prompt = random_tokens(np.random.default_rng(8), 400)
    run = Run(make_batch(model, None), [make_request(prompt, COUNT) for _ in range(3)])
    run.step()
    assert not run.waiting
    run.to_the_end()
    assert list(run.tokens.values()) == [from_scratch(model, prompt, COUNT)] * 3


def test_named_beginnings_serve_the_second_conversation(model: nn.Module) -> None:
    rng = np.random.default_rng(9)
    system, asking = random_tokens(rng, 200), [7, 8, 9]
    batch = sharing_batch(model)
    first, other = ([*system, number, *random_tokens(rng, 100)] for number in (20, 30))
    complete_all(batch, [make_request([*first, *asking], COUNT, system=200, stable=301)])
    completions, cached = complete_all(batch, [make_request([*other, *asking], COUNT, system=200, stable=301)])
    assert cached == [200]
    assert completions == [from_scratch(model, [*other, *asking], COUNT)]
    # The next turn, in which the template writes the answer in another way than it asks for one.
    following = [*first, 50, *random_tokens(rng, 40)]
    completions, cached = complete_all(batch, [make_request(following, COUNT)])
    assert cached == [301]
    assert completions == [from_scratch(model, following, COUNT)]


class TestOverTheWire:
    """A real worker, whose engine admits."""

    @pytest.fixture(scope="class")
    def sharing(self, tiny_text: Path) -> Iterator[WorkerProcess]:
        with WorkerProcess.loaded(tiny_text, prefix_cache=CACHE) as process:
            yield process

    def prompt(self, seed: int, count: int) -> list[int]:
        generator = random.Random(seed)
        return [generator.randrange(3, 250) for _ in range(count)]

    def cached(self, completions: list[Completion]) -> list[int]:
        return [completion.started["cached_tokens"] for completion in completions if completion.started]

    def test_several_completions_of_one_prompt(self, sharing: WorkerProcess, worker: WorkerProcess) -> None:
        prompt = self.prompt(1, 1000)
        samplings = [{"temperature": 0}, {"seed": 1}, {"seed": 2}, {"temperature": 0.5, "seed": 3}]
        expected = [worker.complete(prompt, max_tokens=9, sampling=each).tokens for each in samplings]
        frames = [generate_frame(sharing.new_id(), prompt, max_tokens=9, sampling=each) for each in samplings]
        completions = sharing.complete_all(frames)
        assert [completion.tokens for completion in completions] == expected
        assert sorted(self.cached(completions)) == [0, 999, 999, 999]

    def test_others_pass_those_that_wait(self, sharing: WorkerProcess) -> None:
        prompt = self.prompt(2, 4000)
        leader, follower, other = (
            generate_frame(sharing.new_id(), each, max_tokens=2) for each in (prompt, prompt, self.prompt(3, 20))
        )
        sharing.send(leader, follower, other)
        started = []
        while len(started) < 3:
            frame = sharing.read()
            started += [frame["id"]] if frame["type"] == "started" else []
        assert started == [leader["id"], other["id"], follower["id"]]
        sharing.read_until(lambda frame: any("finish" in each for each in frame.get("outputs", ())))

    def test_a_leader_that_is_cancelled_leaves_its_work_to_the_follower(
        self, sharing: WorkerProcess, worker: WorkerProcess
    ) -> None:
        prompt = self.prompt(4, 4500)
        expected = worker.complete(prompt, max_tokens=5).tokens
        leader, follower = (generate_frame(id, prompt, max_tokens=5) for id in ("leader", "follower"))
        sharing.send(leader)
        sharing.read_until(lambda frame: frame["type"] == "started")
        sharing.send(follower)
        counters = sharing.ping()
        assert (counters["running"], counters["waiting"]) == (1, 1)
        sharing.send({"type": "cancel", "id": "leader"})
        assert sharing.collect(["follower"])["follower"].tokens == expected


def test_segments_are_cut_where_they_should_end() -> None:
    for length in range(10):
        segments = [[1, 2, 3], [4], [5, 6, 7, 8]]
        cut(segments, length)
        assert [token for segment in segments for token in segment] == list(range(1, 9))
        ends = np.cumsum([len(segment) for segment in segments]).tolist()
        assert all(segments)
        assert length in (0, 9, *ends)


def test_a_boundary_is_reached_once_and_ends_the_wait() -> None:
    prefills = Prefills()
    leader, follower = make_request([5] * 500, 1), make_request([5] * 300, 1)
    prefills.begin(0, leader, 10, [Boundary(499, "prompt")])
    assert prefills.longest_shared(follower) == Shared(0, 299)
    prefills.wait(follower, Shared(0, 299))
    assert prefills.is_awaited_by(follower)
    assert prefills.advance(0, 100) is None
    assert prefills.is_awaited_by(follower)
    assert prefills.advance(0, 289) == Boundary(299, "prompt")
    assert not prefills.is_awaited_by(follower)
    assert prefills.advance(0, 489) == Boundary(499, "prompt")
    prefills.end(0)
    prefills.end(0)
    assert len(prefills) == 0


@pytest.mark.parametrize("length", [0, 1, 2, 255, 1000])
def test_the_common_length_is_that_of_a_walk(length: int) -> None:
    generator = random.Random(length)
    first = [generator.randrange(3) for _ in range(1000)]
    second = [*first[:length], 9, *first[length:]]
    assert common_length(first, second) == common_length(second, first) == length
    assert common_length(first, first[:length]) == length
