"""How a request wants its tokens drawn: the checked form of the wire's `sampling` object."""

import math
from dataclasses import dataclass, field
from typing import Any

from .errors import RequestError

MAX_LOGIT_BIAS = 100.0
"""OpenAI's bound of one logit bias, either sign."""


@dataclass(frozen=True, slots=True)
class Sampling:
    """Checked parameters; the defaults are the model's plain distribution."""

    temperature: float = 1.0
    """0 is greedy."""
    top_p: float = 1.0
    top_k: int = 0
    """0 keeps every token."""
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    presence_penalty: float = 0.0
    frequency_penalty: float = 0.0
    logit_bias: dict[int, float] = field(default_factory=dict)
    """Token id to the value added to its logit."""
    seed: int | None = None


def parse_sampling(value: Any) -> Sampling:
    """Check the `sampling` object of a generate frame.

    Raises RequestError that names the first field out of range.
    """
    if value is None:
        return Sampling()
    if not isinstance(value, dict):
        raise RequestError("sampling must be an object.")
    return Sampling(
        temperature=_number(value, "temperature", 1.0, low=0.0, high=2.0),
        top_p=_number(value, "top_p", 1.0, low=0.0, high=1.0, low_open=True),
        top_k=_integer(value, "top_k", 0),
        min_p=_number(value, "min_p", 0.0, low=0.0, high=1.0),
        repetition_penalty=_number(value, "repetition_penalty", 1.0, low=0.0, high=10.0, low_open=True),
        presence_penalty=_number(value, "presence_penalty", 0.0, low=-2.0, high=2.0),
        frequency_penalty=_number(value, "frequency_penalty", 0.0, low=-2.0, high=2.0),
        logit_bias=_logit_bias(value.get("logit_bias")),
        seed=_seed(value.get("seed")),
    )


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _number(
    fields: dict[str, Any], name: str, default: float, *, low: float, high: float, low_open: bool = False
) -> float:
    value = fields.get(name)
    if value is None:
        return default
    too_low = not _is_number(value) or (value <= low if low_open else value < low)
    if too_low or value > high:
        bound = "above" if low_open else "at least"
        raise RequestError(f"{name} must be a number {bound} {low:g} and at most {high:g}.", name)
    return float(value)


def _integer(fields: dict[str, Any], name: str, default: int) -> int:
    value = fields.get(name)
    if value is None:
        return default
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise RequestError(f"{name} must be a whole number of at least 0.", name)
    return value


def _seed(value: Any) -> int | None:
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool):
        raise RequestError("seed must be a whole number.", "seed")
    return value


def _logit_bias(value: Any) -> dict[int, float]:
    if value is None:
        return {}
    if not isinstance(value, dict):
        raise RequestError("logit_bias must be an object of token ids and numbers.", "logit_bias")
    biases: dict[int, float] = {}
    for key, bias in value.items():
        if not (key.isascii() and key.isdigit() and len(key) < 10):
            raise RequestError(f"logit_bias names {key[:20]!r}, which is not a token id.", "logit_bias")
        if not _is_number(bias) or abs(bias) > MAX_LOGIT_BIAS:
            raise RequestError("logit_bias values must be numbers from -100 to 100.", "logit_bias")
        biases[int(key)] = float(bias)
    return biases
