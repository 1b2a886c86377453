"""Samplers and logits processors."""

import mlx.core as mx
import pytest

from mlxfleet_worker.generation.sampling import SamplerPool, logits_processors, replace_rows
from mlxfleet_worker.wire.errors import RequestError
from mlxfleet_worker.wire.parameters import Sampling

VOCABULARY = 8


def draws(sampling: Sampling, logprobs: mx.array, count: int = 40) -> list[int]:
    sampler = SamplerPool(VOCABULARY).get(sampling)
    return [sampler(logprobs).item() for _ in range(count)]


@pytest.fixture
def logprobs() -> mx.array:
    logits = mx.array([[0.0, 1.0, 2.0, 3.0, 2.5, 0.5, -1.0, 1.5]])
    return logits - mx.logsumexp(logits, axis=-1, keepdims=True)


def test_one_sampler_for_each_parameter_set() -> None:
    pool = SamplerPool(VOCABULARY)
    assert pool.get(Sampling(temperature=0.5)) is pool.get(Sampling(temperature=0.5, frequency_penalty=1))
    assert pool.get(Sampling(temperature=0.5)) is not pool.get(Sampling(temperature=0.6))
    assert pool.get(Sampling(temperature=0)) is pool.get(Sampling(temperature=0, seed=4, top_p=0.5))
    assert pool.get(Sampling(seed=4)) is not pool.get(Sampling(seed=4))


def test_a_seed_gives_the_same_draws_again(logprobs: mx.array) -> None:
    first = draws(Sampling(seed=11), logprobs)
    assert draws(Sampling(seed=11), logprobs) == first
    assert draws(Sampling(seed=12), logprobs) != first
    assert draws(Sampling(seed=-(2**65) + 1), logprobs) == draws(Sampling(seed=1), logprobs)


@pytest.mark.parametrize("seed", [None, 5])
def test_filters_keep_what_they_should(logprobs: mx.array, seed: int | None) -> None:
    hot = {"temperature": 2.0, "seed": seed}
    assert set(draws(Sampling(top_k=2, **hot), logprobs)) == {3, 4}
    assert set(draws(Sampling(top_k=1, **hot), logprobs)) == {3}
    assert set(draws(Sampling(top_p=0.01, **hot), logprobs)) == {3}
    assert set(draws(Sampling(min_p=0.59, **hot), logprobs)) == {3, 4}
    assert len(set(draws(Sampling(top_k=VOCABULARY, **hot), logprobs))) > 4


def test_penalties_count_the_completion_only() -> None:
    prompt, completion = [1, 2], [3, 3, 4]
    context = mx.array(prompt + completion)
    sampling = Sampling(presence_penalty=0.5, frequency_penalty=1.0)
    logits = mx.zeros((1, VOCABULARY))
    for processor in logits_processors(sampling, len(prompt), VOCABULARY):
        logits = processor(context, logits)
    assert logits.tolist() == [[0, 0, 0, -2.5, -1.5, 0, 0, 0]]


def test_penalties_of_an_empty_completion_change_nothing() -> None:
    logits = mx.zeros((1, VOCABULARY))
    for processor in logits_processors(Sampling(presence_penalty=1, frequency_penalty=1), 2, VOCABULARY):
        logits = processor(mx.array([1, 2]), logits)
    assert logits.tolist() == [[0] * VOCABULARY]


def test_penalties_look_further_back_than_the_librarys_default() -> None:
    context = mx.array([0, *[3] * 50, *[4] * 30])
    (presence,) = logits_processors(Sampling(presence_penalty=1), 1, VOCABULARY)
    assert presence(context, mx.zeros((1, VOCABULARY))).tolist() == [[0, 0, 0, -1, -1, 0, 0, 0]]


def test_repetition_penalty_counts_the_prompt_too() -> None:
    (repetition,) = logits_processors(Sampling(repetition_penalty=2), 1, VOCABULARY)
    logits = repetition(mx.array([1, 3]), mx.array([[1.0, 1.0, 1.0, -1.0, 1.0, 1.0, 1.0, 1.0]]))
    assert logits.tolist() == [[1, 0.5, 1, -2, 1, 1, 1, 1]]


def test_logit_bias_is_added() -> None:
    (bias,) = logits_processors(Sampling(logit_bias={2: 5.0, 7: -100.0}), 0, VOCABULARY)
    assert bias(mx.array([0]), mx.zeros((1, VOCABULARY))).tolist() == [[0, 0, 5, 0, 0, 0, 0, -100]]


def test_a_bias_on_an_unknown_token_is_refused() -> None:
    with pytest.raises(RequestError, match="token 8; the model has 8"):
        logits_processors(Sampling(logit_bias={8: 1.0}), 0, VOCABULARY)


def test_plain_parameters_need_no_processor() -> None:
    assert logits_processors(Sampling(), 3, VOCABULARY) == []


@pytest.mark.parametrize("rows", [[0], [2], [4], [0, 1], [1, 3], [0, 4], [0, 1, 2, 3, 4]], ids=str)
def test_replaced_rows_are_the_new_ones_and_all_others_stay(rows: list[int]) -> None:
    logits = mx.arange(5 * VOCABULARY, dtype=mx.float32).reshape(5, VOCABULARY)
    expected = [[-1.0] * VOCABULARY if row in rows else logits[row].tolist() for row in range(5)]
    replaced = replace_rows(logits, [(row, mx.full((1, VOCABULARY), -1.0)) for row in rows])
    assert replaced.tolist() == expected


def test_a_batch_of_one_replaced_row_is_not_cut_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    pieces: list[int] = []
    concatenate = mx.concatenate
    monkeypatch.setattr(mx, "concatenate", lambda parts, axis: pieces.append(len(parts)) or concatenate(parts, axis))
    replace_rows(mx.zeros((32, VOCABULARY)), [(7, mx.ones((1, VOCABULARY)))])
    assert pieces == [3]
