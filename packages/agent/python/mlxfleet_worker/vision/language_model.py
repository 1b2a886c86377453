"""The language part of a model of mlx-vlm, called as mlx-lm calls its models."""

from typing import Any

import mlx.core as mx
from mlx import nn

from ..caches.position_cache import PositionCache
from .library_caches import make_caches
from .prompt_embeddings import PromptEmbeddings


class VisionLanguageModel(nn.Module):
    """Takes tokens of several sequences and their caches; returns logits. Images come by the sequences' positions."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.whole = model
        self._has_positions = hasattr(model.language_model, "get_rope_index")
        """Whether places in an image are told apart by more than their number (multimodal rotary embeddings)."""

    @property
    def layers(self) -> list[nn.Module]:
        """The language model's."""
        return self.whole.language_model.layers

    def make_cache(self) -> list[Any]:
        """Empty caches of one sequence."""
        return make_caches(self.whole.language_model)

    def __call__(self, tokens: mx.array, cache: list[Any]) -> mx.array:
        """The logits (sequences, tokens, vocabulary) that follow each of the tokens (sequences, tokens)."""
        *layers, positions = cache
        rows, count = positions.rows(), tokens.shape[1]
        options: dict[str, Any] = {}
        if any(_has_images_from(row) for row in rows):
            options = self._embedded(tokens, rows)
        if self._has_positions:
            options["position_ids"] = _positions(rows, count)
        logits = self.whole.language_model(tokens, cache=layers, **options).logits
        # Qwen3.5 puts other caches into the list than it was given.
        cache[:-1] = layers
        positions.advance(count)
        return logits

    def _embedded(self, tokens: mx.array, rows: list[PositionCache]) -> dict[str, Any]:
        """What stands in place of these tokens, of which some row's have images among them."""
        count = tokens.shape[1]
        features = self.whole.get_input_embeddings(tokens, None)
        plain = features.inputs_embeds
        chunks = [
            row.embeddings.chunk(row.offset, count, plain[index]) if _has_images_from(row) else None
            for index, row in enumerate(rows)
        ]
        options: dict[str, Any] = {
            "inputs_embeds": mx.stack(
                [plain[index] if chunk is None else chunk.embeddings for index, chunk in enumerate(chunks)]
            )
        }
        if features.per_layer_inputs is not None:
            options["per_layer_inputs"] = features.per_layer_inputs
        layers = [chunk.layers for chunk in chunks if chunk is not None and chunk.layers is not None]
        if layers:
            empty = mx.zeros((count,), dtype=mx.bool_)
            options["visual_pos_masks"] = mx.stack([empty if chunk is None else chunk.mask for chunk in chunks])
            options["deepstack_visual_embeds"] = [mx.concatenate(each) for each in zip(*layers, strict=True)]
        return options


def _has_images_from(row: PositionCache) -> bool:
    return isinstance(row.embeddings, PromptEmbeddings) and row.offset < row.embeddings.length


def _positions(rows: list[PositionCache], count: int) -> mx.array:
    """Positions (3, sequences, tokens) of time, height and width."""
    first = [row.offset + (row.embeddings.shift if isinstance(row.embeddings, PromptEmbeddings) else 0) for row in rows]
    plain = mx.array(first)[:, None] + mx.arange(count)
    positions = mx.broadcast_to(plain, (3, *plain.shape))
    if not any(_has_images_from(row) for row in rows):
        return positions
    return mx.stack(
        [
            row.embeddings.positions_from(row.offset, count) if _has_images_from(row) else positions[:, index]
            for index, row in enumerate(rows)
        ],
        axis=1,
    )
