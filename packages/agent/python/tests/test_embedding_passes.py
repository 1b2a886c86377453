"""Which inputs share a forward pass."""

import random

import pytest

from mlxfleet_worker.embedding.passes import FIRST_TOKENS, MOST_TOKENS, PassBudget, Passes, Work


def work(owner: str, *lengths: int) -> list[Work]:
    return [Work(length, owner, index) for index, length in enumerate(lengths)]


def drain(passes: Passes, tokens: int) -> list[list[Work]]:
    """All passes of so many tokens until nothing waits."""
    taken = []
    while len(passes):
        taken.append(passes.next(tokens))
    return taken


def test_nothing_waits() -> None:
    assert Passes().next(100) == []


def test_inputs_of_several_requests_share_a_pass() -> None:
    passes = Passes()
    for owner in "abcd":
        passes.add(work(owner, 10))
    assert [[each.owner for each in taken] for taken in drain(passes, 40)] == [["a", "b", "c", "d"]]


def test_a_pass_is_bounded_with_its_padding() -> None:
    passes = Passes()
    passes.add(work("a", 10, 9, 8, 7, 6))
    assert [[each.length for each in taken] for taken in drain(passes, 30)] == [[10, 9, 8], [7, 6]]


def test_an_input_longer_than_the_budget_goes_alone() -> None:
    passes = Passes()
    passes.add(work("a", 1000, 999))
    assert [len(taken) for taken in drain(passes, 100)] == [1, 1]


def test_a_short_input_is_not_padded_to_a_long_one() -> None:
    passes = Passes()
    passes.add(work("a", 100, 50, 49, 1))
    assert [[each.length for each in taken] for taken in drain(passes, 10_000)] == [[100, 50], [49], [1]]


def test_the_shortest_are_together_although_half_of_one_is_none() -> None:
    passes = Passes()
    passes.add(work("a", 3, 2, 1, 1))
    assert [[each.length for each in taken] for taken in drain(passes, 100)] == [[3, 2], [1, 1]]


def test_a_small_request_waits_for_one_pass_of_a_large_one() -> None:
    passes = Passes()
    passes.add(work("large", *range(100, 600)))
    passes.next(600)
    passes.add(work("small", 5))
    owners = [{each.owner for each in passes.next(600)} for _ in range(2)]
    assert {"small"} in owners


def test_a_removed_request_has_no_more_passes() -> None:
    passes = Passes()
    passes.add(work("a", 5, 6, 7))
    passes.add(work("b", 5))
    passes.remove("a")
    passes.remove("a")
    assert drain(passes, 100) == [work("b", 5)]
    passes.remove("nobody")


@pytest.mark.parametrize("seed", range(20))
def test_every_input_comes_once_and_no_pass_is_wasteful(seed: int) -> None:
    chance = random.Random(seed)
    passes = Passes()
    expected = set()
    for owner in range(chance.randint(1, 12)):
        lengths = [
            chance.choice([1, 2, 3, 8, 30, 100, 500]) + chance.randint(0, 9) for _ in range(chance.randint(1, 60))
        ]
        items = work(str(owner), *lengths)
        expected.update(items)
        passes.add(items)
    budget = chance.choice([1, 64, 256, 1024])
    seen = [each for taken in drain(passes, budget) for each in taken]
    assert len(seen) == len(expected)
    assert set(seen) == expected
    passes.add(work("next", *(each.length for each in expected)))
    for taken in drain(passes, budget):
        longest = max(each.length for each in taken)
        assert len(taken) == 1 or len(taken) * longest <= budget
        assert all(each.length * 2 >= longest for each in taken)


def test_the_budget_follows_the_measured_speed() -> None:
    budget = PassBudget()
    assert budget.tokens == FIRST_TOKENS
    budget.record(100, 1.0)
    assert budget.tokens == 25
    for _ in range(40):
        budget.record(100_000, 0.1)
    assert budget.tokens == MOST_TOKENS
    budget.record(100, 60.0)
    assert budget.tokens == MOST_TOKENS


def test_a_machine_that_stood_still_keeps_a_budget() -> None:
    budget = PassBudget()
    for _ in range(50):
        budget.record(1, 3600.0)
    assert budget.tokens == 1


def test_a_pass_that_costs_more_than_it_may_by_itself_is_not_made_for_single_inputs() -> None:
    budget = PassBudget()
    for tokens in (8, 64, 16, 128, 8):
        budget.record(tokens, 0.5 + 0.001 * tokens)
    assert budget.tokens == pytest.approx(500, rel=0.01)


def test_what_a_pass_costs_by_itself_makes_the_next_no_smaller() -> None:
    budget = PassBudget()
    for tokens in (8, 64, 16, 128, 8):
        budget.record(tokens, 0.02 + 0.0001 * tokens)
    assert budget.tokens == pytest.approx(2300, rel=0.01)
