"""Who may begin: rows are padded to the longest, layers with a window stop growing."""

import pytest

from mlxfleet_worker.generation.admission import RESERVED_COMPLETION_TOKENS, LayerCost, MemoryBudget, Room

MEGABYTE = 1_000_000


def budget(limit: int | None, *layers: LayerCost) -> MemoryBudget:
    return MemoryBudget(limit, 10 * MEGABYTE, layers or (LayerCost(1000),))


def test_without_a_limit_everything_fits() -> None:
    assert budget(None).room([1_000_000] * 31, 1_000_000) is Room.FITS
    assert budget(None).left([5]) is None


def test_a_long_completion_costs_every_row_of_the_batch_its_length() -> None:
    limited = budget(100 * MEGABYTE)  # 80 MB for caches
    assert limited.room([], 80_000) is Room.FITS
    assert limited.room([100], 80_000) is Room.WAIT
    assert limited.room([79_000], 100) is Room.WAIT
    assert limited.room([20_000] * 3, 20_000) is Room.FITS
    assert limited.room([20_000] * 4, 20_000) is Room.WAIT


@pytest.mark.parametrize("running", [[], [100]])
def test_what_does_not_fit_alone_never_will(running: list[int]) -> None:
    assert budget(100 * MEGABYTE).room(running, 80_001) is Room.NEVER


def test_a_limit_below_the_weights_leaves_room_for_nothing() -> None:
    assert budget(5 * MEGABYTE).room([], 1) is Room.NEVER


def test_layers_with_a_window_stop_growing() -> None:
    hybrid = budget(100 * MEGABYTE, LayerCost(1000, window=500), LayerCost(10))
    assert hybrid.cost(2, 10_000) == 2 * (500_000 + 100_000)
    assert hybrid.bytes_per_token == 10
    assert hybrid.room([1000] * 8, 1_000_000) is Room.WAIT


def test_counts_a_bounded_part_of_a_completion_without_end() -> None:
    assert budget(None).length(10, 5) == 15
    assert budget(None).length(10, 100_000) == 10 + RESERVED_COMPLETION_TOKENS


def test_tells_what_is_left_for_prefixes() -> None:
    assert budget(100 * MEGABYTE).left([]) == 80 * MEGABYTE
    assert budget(100 * MEGABYTE).left([20_000, 40_000]) == 0
