"""How a model of mlx-vlm turns an image into what its language part takes in place of tokens."""

import inspect
from collections.abc import Iterator
from typing import Any, NamedTuple

import mlx.core as mx
import numpy as np
from mlx import nn

from ..model.image_prompt import Inputs
from .served import not_served
from .slices import Slices

SERVED_FIELDS = frozenset(
    {
        "inputs_embeds",
        "position_ids",
        "rope_deltas",
        "visual_pos_masks",
        "deepstack_visual_embeds",
        # Of Gemma 3 and PaliGemma, whose language parts take no such mask: mlx_vlm.generate drops it too.
        "attention_mask_4d",
        # Of Gemma 3n and 4: depends on the tokens alone, and is computed with each chunk.
        "per_layer_inputs",
    }
)
"""What mlx-vlm 0.7.10 gives for a prompt that the engine can cut into chunks and batch."""


class Features(NamedTuple):
    """What a model makes of one image."""

    embeddings: mx.array
    """(tokens, hidden size)"""
    layers: list[mx.array] | None
    """What is added in each of the first layers of the language part, (tokens, hidden size) each."""

    @property
    def nbytes(self) -> int:
        """Bytes of both."""
        return self.embeddings.nbytes + sum(each.nbytes for each in self.layers or [])


class Positions(NamedTuple):
    """Where the tokens of a prompt are, for models that tell places in an image apart by more than their number."""

    ids: mx.array | None
    """(3, tokens); None where the numbers of the tokens do."""
    shift: int
    """How far positions behind the prompt are from their numbers."""


class Tower:
    """One model's. For the engine thread, which made the model."""

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._slices = Slices([part for name, part in model.children().items() if name != "language_model"])
        self._rope_index = getattr(model.language_model, "get_rope_index", None)
        if self._rope_index is not None and "image_grid_thw" not in inspect.signature(self._rope_index).parameters:
            raise not_served(model, "it places the tokens of images in a way of its own")

    def encode(self, inputs: Inputs, places: np.ndarray) -> tuple[Features, Iterator[mx.array]]:
        """What the model makes of the image in these inputs, not computed yet, and what to evaluate before, in order.

        `places` are those of the inputs' tokens that stand for it. Raises ModelSettingsError for a model whose images
        come in a way that is not served.
        """
        return self._slices.of(lambda: self._features(inputs, places))

    def positions(self, inputs: Inputs) -> Positions:
        """Where the tokens of a whole prompt are."""
        if self._rope_index is None:
            return Positions(None, 0)
        grid = mx.array(inputs["image_grid_thw"]) if "image_grid_thw" in inputs else None
        ids, shift = self._rope_index(mx.array(inputs["input_ids"]), image_grid_thw=grid)
        return Positions(None if ids is None or ids.ndim != 3 else ids[:, 0], 0 if shift is None else int(shift.item()))

    def _features(self, inputs: Inputs, places: np.ndarray) -> Features:
        if hasattr(self._model, "_merge_deepstack_features"):
            return self._deepstack(inputs)
        features = self._call(inputs)
        unknown = {name for name, value in features.to_dict().items() if value is not None} - SERVED_FIELDS
        if unknown:
            raise not_served(self._model, f"its language part takes {', '.join(sorted(unknown))}")
        layers = features.deepstack_visual_embeds
        embeddings = features.inputs_embeds[0][mx.array(places)]
        return Features(embeddings, None if layers is None else list(layers))

    def _deepstack(self, inputs: Inputs) -> Features:
        """Of Qwen3-VL, whose own way waits for the whole tower."""
        tower = self._model.vision_tower
        pixels = mx.array(inputs["pixel_values"]).astype(tower.patch_embed.proj.weight.dtype)
        embeddings, layers = tower(pixels, mx.array(inputs["image_grid_thw"]))
        return Features(embeddings, None if layers is None else list(layers))

    def _call(self, inputs: Inputs) -> Any:
        arrays = {name: mx.array(value) for name, value in inputs.items()}
        tokens, pixels = arrays.pop("input_ids"), arrays.pop("pixel_values")
        return self._model.get_input_embeddings(tokens, pixels, mask=arrays.pop("attention_mask", None), **arrays)
