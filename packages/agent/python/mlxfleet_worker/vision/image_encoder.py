"""Images of prompts through the tower, several side by side, and what the model is given for the prompts then."""

import os
from collections import deque
from collections.abc import Generator

import mlx.core as mx
from mlx import nn

from ..bounded_cache import BoundedCache
from ..model.image_prompt import ImagePrompt, Inputs, PromptImage
from .processing import Processing
from .prompt_embeddings import PromptEmbeddings
from .tower import Features, Tower

MOST_LANES = 4
"""The agent's estimate of a model's memory counts on no more."""


class ImageEncoder:
    """One model's. For the engine thread, which made the model."""

    def __init__(
        self,
        whole: nn.Module,
        processing: Processing,
        feature_bytes: int,
        lanes: int | None = None,
    ) -> None:
        """Features of so many bytes are kept.

        As many images side by side as there are `lanes`, or as the machine is best at.
        """
        self._whole = whole
        self._tower = Tower(whole)
        self._processing = processing
        self._streams = _streams(lanes)
        self._at_work: set[str] = set()
        """Keys of the images that are being encoded."""
        self.features = BoundedCache[Features](feature_bytes, lambda features: features.nbytes)
        """What was made of images, by their keys, for further questions about them."""

    @property
    def lanes(self) -> int:
        """How many images it is worth encoding side by side: a GPU works on one with all that it has."""
        return len(self._streams)

    def has_encoded(self, prompt: ImagePrompt, known: int) -> bool:
        """Whether `prompt.embeddings` holds what the model is given for the tokens from `known` on."""
        return prompt.embeddings is not None and prompt.embeddings.known <= known

    def encode(self, prompt: ImagePrompt, known: int) -> Generator[list[mx.array], None, None]:
        """Have `prompt.embeddings` hold what the model is given for the tokens from `known` on, bit by bit.

        Each bit is to be evaluated before the next is asked for. It is empty while nothing but images that other
        prompts are at is left. Nothing is yielded where the images are known already.
        """
        if self.has_encoded(prompt, known):
            return
        found: dict[str, Features] = {}
        left = deque({image.key: image for image in prompt.images if image.end > known}.values())
        of_others: deque[PromptImage] = deque()
        running: dict[str, Generator[mx.array, None, Features]] = {}
        try:
            while left or running or of_others:
                while left and len(running) < self.lanes:
                    image = left.popleft()
                    if (features := self.features.get(image.key)) is not None:
                        found[image.key] = features
                    elif image.key in self._at_work:
                        of_others.append(image)
                    else:
                        running[image.key] = self._encode(image, prompt.pixels.pop(image.key, None))
                parts = []
                for key, encoding in list(running.items()):
                    try:
                        parts.append(next(encoding))
                    except StopIteration as end:
                        found[key] = end.value
                        del running[key]
                if parts:
                    yield parts
                elif of_others and not left and not running:
                    yield []
                    left, of_others = of_others, deque()
        finally:
            for encoding in running.values():
                encoding.close()
        prompt.embeddings = self._embeddings(prompt, [found.get(image.key) for image in prompt.images], known)

    def _encode(self, image: PromptImage, inputs: Inputs | None) -> Generator[mx.array, None, Features]:
        """One image, on the stream of the lane whose turn it is; `inputs` where it was processed ahead."""
        self._at_work.add(image.key)
        try:
            self._streams.rotate()
            if inputs is None:
                assert image.picture is not None
                inputs = self._processing.inputs(image.text, [image.picture], image.param)
            with mx.stream(self._streams[0]):
                features, slices = self._tower.encode(inputs, self._processing.places(inputs["input_ids"][0]))
            yield from slices
            mx.eval(features)
            self.features.put(image.key, features)
            return features
        finally:
            self._at_work.discard(image.key)

    def _embeddings(self, prompt: ImagePrompt, found: list[Features | None], known: int) -> PromptEmbeddings:
        tokens = mx.array([prompt.tokens])
        embeddings = self._whole.get_input_embeddings(tokens, None).inputs_embeds[0]
        for image, features in zip(prompt.images, found, strict=True):
            if features is not None:
                embeddings[mx.array(image.places)] = features.embeddings.astype(embeddings.dtype)
        layers = _joined_layers(prompt, found)
        positions = self._tower.positions(prompt.inputs)
        mx.eval(embeddings, layers or [], [] if positions.ids is None else positions.ids)
        return PromptEmbeddings(embeddings, prompt.is_image, layers, positions, known)


def _streams(lanes: int | None) -> deque[mx.Stream]:
    """Where images are encoded. MLX's processor backend works through a stream on one core, so there are several."""
    device = mx.default_device()
    if lanes is None:
        lanes = min(os.cpu_count() or 1, MOST_LANES) if device == mx.cpu else 1
    return deque([mx.default_stream(device)] if lanes == 1 else [mx.new_stream(device) for _ in range(lanes)])


def _joined_layers(prompt: ImagePrompt, found: list[Features | None]) -> list[mx.array] | None:
    """For each of the first layers what it adds at the prompt's image tokens; zeros for images that nobody asks for."""
    deep = next((each.layers for each in found if each is not None and each.layers is not None), None)
    if deep is None:
        return None
    parts = [
        [mx.zeros((len(image.places), each.shape[-1]), each.dtype) for each in deep]
        if features is None or features.layers is None
        else features.layers
        for image, features in zip(prompt.images, found, strict=True)
    ]
    return [mx.concatenate(layer) for layer in zip(*parts, strict=True)]
