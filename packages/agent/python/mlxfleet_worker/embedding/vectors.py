"""What becomes of a model's vector on its way to the client."""

import base64

import numpy as np


def encode_vector(vector: np.ndarray, dimensions: int | None) -> str:
    """Base64 of little-endian 32-bit floats of Euclidean length 1.

    Only the first `dimensions` components are kept, where that is given. Raises ValueError for a vector that has no
    direction: one that is not finite, or is all zeros.
    """
    kept = vector[:dimensions].astype(np.float64)
    length = np.linalg.norm(kept)
    if not np.isfinite(length) or length == 0:
        raise ValueError("the model gave no usable vector")
    return base64.b64encode((kept / length).astype("<f4").tobytes()).decode("ascii")
