"""Prefill chunks on fast and slow machines."""

import pytest

from mlxfleet_worker.generation.pacing import PrefillPacer


def measured(tokens_per_second: float, step_seconds: float | None = None, fixed_seconds: float = 0.0) -> PrefillPacer:
    """A pacer that has seen passes of two sizes."""
    pacer = PrefillPacer()
    for tokens in (1000, 500):
        pacer.record(tokens, fixed_seconds + tokens / tokens_per_second)
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
    pacer.record(1000, 60.0)
    pacer.record_step(30.0)
    assert pacer.chunk(prompts=1, longest=LONG, decoding=True) >= chunk / 4


def test_what_each_pass_costs_is_not_put_down_to_the_tokens() -> None:
    # A GPU: 30 ms for any pass, 50,000 tokens a second beyond that, decoding steps of 9 ms.
    pacer = measured(50_000, 0.009, fixed_seconds=0.030)
    assert pacer.tokens_per_second == pytest.approx(50_000 / (1 + 0.030 * 50_000 / 2048), rel=0.01)
    assert pacer.chunk(prompts=8, longest=LONG, decoding=True) == 176


@pytest.mark.parametrize("first", [4, 20, 66, 300])
def test_short_prompts_on_a_gpu_do_not_make_the_next_chunks_ever_shorter(first: int) -> None:
    pacer = PrefillPacer()
    pacer.record_step(0.009)
    tokens = first
    chunks = []
    for _ in range(10):
        pacer.record(tokens, 0.030 + tokens / 50_000)
        tokens = 8 * pacer.chunk(prompts=8, longest=LONG, decoding=True)
        chunks.append(tokens)
    assert min(chunks[5:]) >= 1024


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
    pacer.record(64, 64 / 30)
    assert pacer.chunk(prompts=1, longest=LONG, decoding=True) / 30 <= 0.25 + 4 / 30
