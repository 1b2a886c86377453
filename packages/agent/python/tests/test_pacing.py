"""Prefill chunks on fast and slow machines."""

from mlxfleet_worker.pacing import PrefillPacer


def measured(tokens_per_second: float) -> PrefillPacer:
    pacer = PrefillPacer()
    pacer.record(1000, 1000 / tokens_per_second)
    return pacer


def test_an_idle_fast_machine_takes_large_chunks() -> None:
    assert measured(100_000).chunk(prompts=1, decoding=False) == 2048


def test_chunks_are_small_while_others_decode() -> None:
    assert measured(100_000).chunk(prompts=1, decoding=True) == 512


def test_prompts_share_a_chunk() -> None:
    assert measured(100_000).chunk(prompts=8, decoding=False) == 256


def test_a_slow_machine_looks_at_its_inbox_about_every_second() -> None:
    assert measured(100).chunk(prompts=1, decoding=False) == 64
    assert measured(12).chunk(prompts=8, decoding=True) == 4


def test_the_first_chunk_is_careful_and_short_prompts_teach_nothing() -> None:
    pacer = PrefillPacer()
    pacer.record(5, 10.0)
    assert pacer.chunk(prompts=1, decoding=False) == 64
