"""What a pass over inputs is thought to cost."""

import pytest

from mlxfleet_worker.embedding.pass_cost import PassCost


def measured(*passes: tuple[int, float]) -> PassCost:
    cost = PassCost()
    for tokens, seconds in passes:
        cost.record(tokens, seconds)
    return cost


def test_nothing_is_known_before_the_first_measurement() -> None:
    assert not PassCost().is_known
    assert not measured((0, 1.0), (10, 0.0)).is_known


def test_one_size_puts_everything_down_to_the_tokens() -> None:
    cost = measured((100, 2.0), (100, 2.0))
    assert not cost.is_separable
    assert cost.costs() == (0.0, pytest.approx(0.02))


def test_several_sizes_tell_the_pass_from_its_tokens() -> None:
    cost = measured(*[(tokens, 0.5 + 0.01 * tokens) for tokens in (10, 100, 400) * 5])
    assert cost.is_separable
    assert cost.costs() == (pytest.approx(0.5), pytest.approx(0.01))


def test_costs_are_never_negative_whatever_was_measured() -> None:
    fixed, each = measured(*[(10, 1.0), (1000, 0.1)] * 5).costs()
    assert fixed >= 0
    assert each > 0


def test_a_pause_of_the_machine_counts_as_four_times_the_usual() -> None:
    assert measured((100, 1.0), (100, 3600.0)).costs() == measured((100, 1.0), (100, 4.0)).costs()
