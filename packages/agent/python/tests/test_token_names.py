"""What is said of tokens beside their log-probabilities: always numbers that JSON has."""

import json

import mlx.core as mx
import pytest

from constraints_support import make_byte_level
from mlxfleet_worker.tokens.logprobs import StepLogprobs, TokenLogprobs
from mlxfleet_worker.tokens.token_names import TokenNames


@pytest.mark.parametrize(
    ("logprob", "told"), [(-1.5, -1.5), (-12345.0, -9999.0), (float("-inf"), -9999.0), (float("nan"), -9999.0)]
)
def test_a_log_probability_is_a_number_of_json(logprob: float, told: float) -> None:
    row = mx.array([[logprob, logprob]])
    step = StepLogprobs(row, mx.array([0]), [(0, 2)])
    described = TokenNames(make_byte_level()).describe(0, TokenLogprobs(step, 0))
    assert [described["logprob"], *(each["logprob"] for each in described["top_logprobs"])] == [told] * 3
    json.dumps(described, allow_nan=False)
