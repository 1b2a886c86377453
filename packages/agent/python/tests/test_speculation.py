"""Speculation: the same greedy output with guesses of any quality, and no guesses where they do not pay."""

import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from mlxfleet_worker.speculation.drafting import PromptLookup
from mlxfleet_worker.speculation.payoff import FIRST_PAUSE, LONGEST_PAUSE, TRIAL_STEPS, Payoff
from worker_process import WorkerProcess, generate_frame

RANDOM = random.Random(4)
REPEATING = [20, 21, 22, 23, 24, 25] * 12
PROMPTS = [REPEATING, [RANDOM.randrange(3, 250) for _ in range(60)], [7, 8], [9] * 50]


@pytest.fixture(scope="module")
def lookup(tiny_text: Path) -> Iterator[WorkerProcess]:
    speculation = {"prompt_lookup": True, "draft_path": None, "tokens": 6}
    with WorkerProcess.loaded(tiny_text, speculation=speculation) as process:
        yield process


@pytest.fixture(scope="module")
def drafting(tiny_text: Path) -> Iterator[WorkerProcess]:
    """A draft model that is always right: the model itself."""
    speculation = {"prompt_lookup": False, "draft_path": str(tiny_text), "tokens": 4}
    with WorkerProcess.loaded(tiny_text, speculation=speculation) as process:
        yield process


@pytest.mark.parametrize("speculating", ["lookup", "drafting"])
def test_greedy_output_is_the_same(worker: WorkerProcess, speculating: str, request: pytest.FixtureRequest) -> None:
    other: WorkerProcess = request.getfixturevalue(speculating)
    for prompt in PROMPTS:
        expected = worker.complete(prompt, max_tokens=70)
        completion = other.complete(prompt, max_tokens=70)
        assert completion.tokens == expected.tokens
        assert completion.text == expected.text
        assert completion.finish is not None
        assert expected.finish is not None
        assert completion.finish["reason"] == expected.finish["reason"]
    assert other.ping()["drafted_tokens"] > 0


def test_a_draft_model_that_is_right_has_its_guesses_accepted(drafting: WorkerProcess) -> None:
    before = drafting.ping()
    drafting.complete(PROMPTS[1], max_tokens=40)
    after = drafting.ping()
    drafted = after["drafted_tokens"] - before["drafted_tokens"]
    assert drafted > 0
    assert after["accepted_tokens"] - before["accepted_tokens"] >= drafted * 0.9


def test_requests_join_and_leave_while_one_speculates(worker: WorkerProcess, lookup: WorkerProcess) -> None:
    expected = [worker.complete(prompt, max_tokens=60).tokens for prompt in PROMPTS]
    first = generate_frame(lookup.new_id(), PROMPTS[0], max_tokens=60)
    others = [generate_frame(lookup.new_id(), prompt, max_tokens=60) for prompt in PROMPTS[1:]]
    lookup.send(first)
    head = lookup.read_until(lambda frame: frame["type"] == "step")
    lookup.send(*others)
    tokens = {frame["id"]: [] for frame in [first, *others]}
    finished = set()
    while len(finished) < len(tokens):
        for output in (head.pop(0) if head else lookup.read()).get("outputs", ()):
            tokens[output["id"]] += output["tokens"]
            finished |= {output["id"]} if "finish" in output else set()
    assert list(tokens.values()) == expected


@pytest.mark.parametrize("max_tokens", [1, 2, 3, 7])
def test_the_length_limit_holds_inside_a_step(worker: WorkerProcess, drafting: WorkerProcess, max_tokens: int) -> None:
    expected = worker.complete(REPEATING, max_tokens=max_tokens)
    completion = drafting.complete(REPEATING, max_tokens=max_tokens)
    assert completion.tokens == expected.tokens
    assert completion.finish is not None
    assert completion.finish["completion_tokens"] == max_tokens


def test_a_stop_text_inside_a_step_ends_the_completion(worker: WorkerProcess, drafting: WorkerProcess) -> None:
    whole = worker.complete(PROMPTS[1], max_tokens=40).text
    stop = whole[9:12]
    expected = worker.complete(PROMPTS[1], max_tokens=40, stop=[stop])
    completion = drafting.complete(PROMPTS[1], max_tokens=40, stop=[stop])
    assert completion.text == expected.text
    assert completion.tokens == expected.tokens


def test_seeds_and_penalties_are_served_without_guesses(worker: WorkerProcess, drafting: WorkerProcess) -> None:
    for sampling in ({"seed": 3}, {"temperature": 0, "repetition_penalty": 1.3}):
        expected = worker.complete(PROMPTS[1], max_tokens=20, sampling=sampling).tokens
        assert drafting.complete(PROMPTS[1], max_tokens=20, sampling=sampling).tokens == expected


def test_a_draft_model_with_another_vocabulary_is_refused(tiny_text: Path, smollm2: Path) -> None:
    with WorkerProcess.started() as process:
        speculation = {"prompt_lookup": False, "draft_path": str(smollm2), "tokens": 4}
        process.send_load(tiny_text, speculation=speculation)
        failed = process.read(60)
        assert failed["type"] == "load_failed"
        assert failed["message"] == "The draft model has another vocabulary than the model."


def test_lookup_proposes_what_followed_the_last_time() -> None:
    lookup = PromptLookup()
    text = [1, 2, 3, 9, 9, 1, 2, 3, 4, 5, 6, 7, 1, 2, 3]
    assert lookup.draft(text, 3) == [4, 5, 6]
    text.append(4)
    assert lookup.draft(text, 10) == [5, 6, 7, 1, 2, 3, 4]
    assert lookup.draft([8, 1, 2, 3], 3) == []
    assert lookup.draft([], 3) == []


def test_lookup_agrees_with_a_search_through_the_whole_text() -> None:
    generator = random.Random(1)
    lookup, text = PromptLookup(), [0]
    for _ in range(400):
        text.append(generator.randrange(4))
        expected: list[int] = []
        for length in range(min(4, len(text) - 1), 1, -1):
            ends = [end for end in range(length, len(text)) if text[end - length : end] == text[-length:]]
            if ends:
                expected = text[ends[-1] : ends[-1] + 5]
                break
        assert lookup.draft(text, 5) == expected


def rates(payoff: Payoff, *, speculating: float, plain: float, steps: int) -> list[bool]:
    """Let it choose so many steps, in which either way gives so many tokens a second."""
    chosen = []
    for _ in range(steps):
        speculate = payoff.choose()
        chosen.append(speculate)
        payoff.record(speculated=speculate, tokens=1, seconds=1 / (speculating if speculate else plain))
    return chosen


def test_speculation_that_does_not_pay_is_given_up_and_tried_again_ever_less() -> None:
    chosen = rates(Payoff(), speculating=50, plain=100, steps=8000)
    assert sum(chosen[200:]) / len(chosen[200:]) < 0.06
    assert any(chosen[LONGEST_PAUSE * 2 :])


def test_speculation_that_pays_goes_on() -> None:
    chosen = rates(Payoff(), speculating=200, plain=100, steps=4000)
    assert sum(chosen) / len(chosen) > 0.9
    assert chosen[FIRST_PAUSE : FIRST_PAUSE + TRIAL_STEPS] == [False] * TRIAL_STEPS


def test_steps_without_an_idea_say_nothing_against_speculation() -> None:
    payoff = Payoff()
    for _ in range(10 * FIRST_PAUSE):
        assert payoff.choose()
        payoff.record(speculated=False, tokens=1, seconds=0.01)


def test_speculation_comes_back_when_the_text_changes() -> None:
    payoff = Payoff()
    rates(payoff, speculating=50, plain=100, steps=500)
    chosen = rates(payoff, speculating=300, plain=100, steps=2 * LONGEST_PAUSE)
    assert all(chosen[-10:]) or sum(chosen[-100:]) > 90
