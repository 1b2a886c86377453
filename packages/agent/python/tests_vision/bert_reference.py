"""BERT in NumPy, from the weights on disk: what vectors have to be, computed without the library under test."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from scipy.special import erf

HEADS = 12
EPSILON = 1e-12


class BertReference:
    """One input at a time, so that nothing is ever padded."""

    def __init__(self, folder: Path) -> None:
        self._weights = {
            name: value.astype(np.float64) for name, value in load_file(folder / "model.safetensors").items()
        }

    def hidden_states(self, tokens: list[int]) -> np.ndarray:
        """Shape (tokens, 384): the last layer's output."""
        words = self._weights["embeddings.word_embeddings.weight"][tokens]
        positions = self._weights["embeddings.position_embeddings.weight"][: len(tokens)]
        kinds = self._weights["embeddings.token_type_embeddings.weight"][0]
        states = self._normalise("embeddings.LayerNorm", words + positions + kinds)
        for layer in range(6):
            states = self._layer(f"encoder.layer.{layer}", states)
        return states

    def mean(self, tokens: list[int]) -> np.ndarray:
        """The mean of all tokens, of length 1."""
        return unit(self.hidden_states(tokens).mean(axis=0))

    def first(self, tokens: list[int]) -> np.ndarray:
        """The first token's, of length 1."""
        return unit(self.hidden_states(tokens)[0])

    def _layer(self, name: str, states: np.ndarray) -> np.ndarray:
        queries, keys, values = (
            np.split(self._linear(f"{name}.attention.self.{part}", states), HEADS, axis=-1)
            for part in ("query", "key", "value")
        )
        heads = []
        for query, key, value in zip(queries, keys, values, strict=True):
            scores = np.exp(query @ key.T / np.sqrt(query.shape[-1]))
            heads.append(scores / scores.sum(axis=-1, keepdims=True) @ value)
        attended = self._linear(f"{name}.attention.output.dense", np.concatenate(heads, axis=-1))
        states = self._normalise(f"{name}.attention.output.LayerNorm", states + attended)
        inner = self._linear(f"{name}.intermediate.dense", states)
        inner = inner * (1 + erf(inner / np.sqrt(2))) / 2
        return self._normalise(f"{name}.output.LayerNorm", states + self._linear(f"{name}.output.dense", inner))

    def _linear(self, name: str, states: np.ndarray) -> np.ndarray:
        return states @ self._weights[f"{name}.weight"].T + self._weights[f"{name}.bias"]

    def _normalise(self, name: str, states: np.ndarray) -> np.ndarray:
        mean = states.mean(axis=-1, keepdims=True)
        deviation = np.sqrt(((states - mean) ** 2).mean(axis=-1, keepdims=True) + EPSILON)
        return (states - mean) / deviation * self._weights[f"{name}.weight"] + self._weights[f"{name}.bias"]


def unit(vector: np.ndarray) -> np.ndarray:
    """The vector at Euclidean length 1."""
    return vector / np.linalg.norm(vector)
