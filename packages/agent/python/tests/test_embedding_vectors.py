"""Vectors on their way to the client."""

import base64

import numpy as np
import pytest

from mlxfleet_worker.embedding.vectors import encode_vector


def decoded(vector: list[float], dimensions: int | None = None) -> np.ndarray:
    return np.frombuffer(base64.b64decode(encode_vector(np.array(vector, np.float32), dimensions)), "<f4")


def test_a_vector_has_length_one() -> None:
    assert decoded([3, 4]).tolist() == pytest.approx([0.6, 0.8])


def test_leading_components_have_length_one_again() -> None:
    assert decoded([3, 4, 100], 2).tolist() == pytest.approx([0.6, 0.8])
    assert decoded([-3, 4], 1).tolist() == [-1]


def test_bytes_are_little_endian_floats() -> None:
    assert base64.b64decode(encode_vector(np.array([2, 0], np.float32), None)).hex() == "0000803f00000000"


def test_large_components_do_not_overflow() -> None:
    assert decoded([3e38, 3e38]).tolist() == pytest.approx([0.5**0.5] * 2)


@pytest.mark.parametrize("vector", [[0, 0], [np.nan, 1], [np.inf, 1]])
def test_a_vector_without_direction_is_refused(vector: list[float]) -> None:
    with pytest.raises(ValueError, match="usable"):
        decoded(vector)
    with pytest.raises(ValueError, match="usable"):
        decoded([0, 1], 1)
