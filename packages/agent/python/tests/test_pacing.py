"""Prefill chunks on fast and slow machines."""

import pytest

from mlxfleet_worker.generation.pacing import PrefillPacer
from mlxfleet_worker.generation.prefill_cost import Pass, PrefillCost


def measured(tokens_per_second: float, step_seconds: float | None = None, fixed_seconds: float = 0.0) -> PrefillPacer:
    """A pacer that has seen passes of two sizes."""
    pacer = PrefillPacer()
    pacer.calibrate(*(Pass(tokens, fixed_seconds + tokens / tokens_per_second) for tokens in (500, 1000)))
    if step_seconds is not None:
        pacer.record_step(step_seconds)
    return pacer


LONG = 100_000
"""Tokens left of a prompt that no chunk is the last of."""


def test_an_idle_fast_machine_takes_large_chunks() -> None:
    assert measured(100_000).chunk(prompts=1, longest=LONG, decoding=False) == 2048


def test_chunks_are_small_while_others_decode() -> None:
    assert measured(100_000).chunk(prompts=1, longest=LONG, decoding=True) == 512


def test_prompts_share_a_chunk() -> None:
    assert measured(100_000).chunk(prompts=8, longest=LONG, decoding=False) == 256


def test_a_slow_machine_looks_at_its_inbox_about_every_second() -> None:
    assert measured(100).chunk(prompts=1, longest=LONG, decoding=False) == 96
    assert measured(12).chunk(prompts=8, longest=LONG, decoding=True) == 4


def test_the_first_chunk_is_careful() -> None:
    assert PrefillPacer().chunk(prompts=1, longest=LONG, decoding=False) == 64


@pytest.mark.parametrize("step_seconds", [0.010, 0.040, 0.100])
def test_a_chunk_beside_decoding_keeps_streams_within_three_times_their_pace(step_seconds: float) -> None:
    rate = 2000
    seconds = measured(rate, step_seconds).chunk(prompts=1, longest=LONG, decoding=True) / rate
    assert step_seconds < step_seconds + seconds <= 3 * step_seconds
    assert seconds >= step_seconds / 2


def test_a_pause_is_bounded_on_slow_and_fast_machines() -> None:
    assert measured(1000, 5.0).chunk(prompts=1, longest=LONG, decoding=True) / 1000 <= 0.25
    assert measured(20_000, 0.0001).chunk(prompts=1, longest=LONG, decoding=True) / 20_000 == pytest.approx(
        0.01, rel=0.1
    )


def test_a_machine_that_paused_once_is_not_taken_for_a_slow_one() -> None:
    pacer = measured(10_000, 0.02)
    chunk = pacer.chunk(prompts=1, longest=LONG, decoding=True)
    pacer.record(1000, 60.0, continues=True)
    pacer.record_step(30.0)
    assert pacer.chunk(prompts=1, longest=LONG, decoding=True) >= chunk / 4


def test_what_each_pass_costs_is_not_put_down_to_the_tokens() -> None:
    # A GPU: 30 ms for any pass, 50,000 tokens a second beyond that, decoding steps of 9 ms.
    pacer = measured(50_000, 0.009, fixed_seconds=0.030)
    assert pacer.tokens_per_second == pytest.approx(50_000 / (1 + 0.030 * 50_000 / 2048), rel=0.01)
    assert pacer.chunk(prompts=8, longest=LONG, decoding=True) == 176


@pytest.mark.parametrize("first", [4, 20, 66, 300])
def test_short_prompts_on_a_gpu_do_not_make_the_next_chunks_ever_shorter(first: int) -> None:
    pacer = measured(50_000, 0.009, fixed_seconds=0.030)
    tokens = first
    for _ in range(20):
        pacer.record(tokens, 0.030 + tokens / 50_000, continues=False)
        tokens = 8 * pacer.chunk(prompts=8, longest=LONG, decoding=True)
        assert tokens >= 1024


def test_a_machine_on_which_no_pass_is_quick_after_all_comes_back_to_long_ones() -> None:
    # As measured at the load a pass of 32 rows and tokens took 10 ms; each takes 80 ms while serving.
    pacer = measured(50_000, 0.009, fixed_seconds=0.010)
    chunks = []
    for _ in range(20):
        chunks.append(pacer.chunk(prompts=1, longest=LONG, decoding=True))
        pacer.record(chunks[-1], 0.080 + chunks[-1] / 50_000, continues=True)
    assert min(chunks[-5:]) >= 512


def test_passes_that_are_slow_once_for_each_new_shape_do_not_make_chunks_ever_shorter() -> None:
    pacer = measured(50_000, 0.009, fixed_seconds=0.010)
    known: set[int] = set()
    for _ in range(50):
        tokens = pacer.chunk(prompts=1, longest=LONG, decoding=True)
        pacer.record(tokens, 0.010 + tokens / 50_000 + (0 if tokens in known else 0.1), continues=True)
        known.add(tokens)
        assert tokens >= 200


def test_the_growing_context_of_a_long_prompt_does_not_make_pauses_longer() -> None:
    # What a small model on a processor was measured to take, with decoding steps of 1.6 ms.
    pacer = measured(14_000, 0.0016, fixed_seconds=0.0015)
    done = 0
    for _ in range(20):
        pacer.record(16, 0.0015 + 16 / 14_000, continues=True)
    while done < 8000:
        tokens = pacer.chunk(prompts=1, longest=8000 - done, decoding=True)
        seconds = 0.0015 + tokens * (1 / 14_000 + done * 1e-7)
        assert seconds <= 0.016 or tokens == 8000 - done
        pacer.record(tokens, seconds, continues=True)
        done += tokens


def test_short_prompts_are_computed_in_one_pass() -> None:
    pacer = measured(10_000, 0.002)
    assert pacer.chunk(prompts=4, longest=70, decoding=True) == 70
    assert pacer.chunk(prompts=4, longest=700, decoding=True) == 16


def test_a_small_rest_is_not_left_for_another_pass() -> None:
    pacer = measured(10_000, 0.02)
    assert pacer.chunk(prompts=1, longest=350, decoding=True) == 350
    assert pacer.chunk(prompts=1, longest=1000, decoding=True) == 288


def test_a_slow_machine_that_has_seen_one_size_does_not_try_a_larger_one_for_long() -> None:
    pacer = PrefillPacer()
    pacer.record_step(0.2)
    pacer.record(64, 64 / 30, continues=False)
    assert pacer.chunk(prompts=1, longest=LONG, decoding=True) / 30 <= 0.25 + 4 / 30


def test_what_a_pass_costs_by_itself_is_known_from_two_sizes() -> None:
    cost = PrefillCost()
    assert not cost.is_known
    cost.calibrate(Pass(32, 0.5 + 0.32), Pass(128, 0.5 + 1.28))
    assert (cost.fixed_seconds, cost.token_seconds) == (pytest.approx(0.5), pytest.approx(0.01))


@pytest.mark.parametrize(("small", "large"), [(1.0, 0.1), (0.1, 0.1), (0.01, 5.0)])
def test_what_a_pass_costs_is_never_negative_nor_more_than_any_pass(small: float, large: float) -> None:
    cost = PrefillCost()
    cost.calibrate(Pass(32, small), Pass(128, large))
    assert 0 <= cost.fixed_seconds <= min(small, large)
    assert cost.token_seconds > 0


def test_a_pause_grows_with_those_who_wait_for_it() -> None:
    pacer = PrefillPacer()
    assert pacer.pause() == 0.25
    for _ in range(100):
        pacer.record_step(0.01)
    assert pacer.pause() == pytest.approx(0.015)
    assert pacer.pause(waiting=3) == pytest.approx(0.045)
    assert pacer.pause(waiting=50) == 0.1
    for _ in range(1000):
        pacer.record_step(0.1)
    assert pacer.pause(waiting=50) == pacer.pause() == pytest.approx(0.15)
