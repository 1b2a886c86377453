"""What the layers of a running batch take in memory for each token."""

from collections.abc import Iterable
from typing import Any

from .admission import LayerCost


def layer_costs(caches: Iterable[Any]) -> list[LayerCost]:
    """What one token takes in each layer of a batch that has some, by mlx-lm's caches; states of fixed size count 0."""
    costs = []
    for cache in caches:
        nested = getattr(cache, "caches", None)
        if nested is not None:
            costs += layer_costs(nested)
            continue
        keys, values = getattr(cache, "keys", None), getattr(cache, "values", None)
        if keys is None:
            continue
        # A quantized layer has three arrays in place of one: values, scales, biases.
        arrays = [*keys, *values] if isinstance(keys, tuple | list) else [keys, values]
        tokens = arrays[0].shape[0] * arrays[0].shape[2]
        costs.append(LayerCost(sum(array.nbytes for array in arrays) / tokens, getattr(cache, "max_size", None)))
    return costs
