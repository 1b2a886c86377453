"""The estimate of a machine's speed."""

import pytest

from mlxfleet_worker.serving.speed import SpeedEstimate


def test_nothing_is_known_before_the_first_measurement() -> None:
    speed = SpeedEstimate()
    assert speed.tokens_per_second is None
    speed.record(100, 2.0)
    assert speed.tokens_per_second == 50


def test_it_goes_half_way_to_what_was_measured() -> None:
    speed = SpeedEstimate()
    speed.record(100, 1.0)
    speed.record(200, 1.0)
    assert speed.tokens_per_second == 150


@pytest.mark.parametrize(("seconds", "expected"), [(3600.0, 62.5), (0.0, 250.0)])
def test_one_strange_measurement_counts_as_four_times_slower_or_faster(seconds: float, expected: float) -> None:
    speed = SpeedEstimate()
    speed.record(100, 1.0)
    speed.record(100, seconds)
    assert speed.tokens_per_second == expected
