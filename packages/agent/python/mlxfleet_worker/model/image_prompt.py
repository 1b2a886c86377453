"""A prompt that holds images: where they stand in it, and by what name its beginnings are kept. No MLX."""

from collections.abc import Generator
from dataclasses import dataclass, field
from hashlib import shake_256
from typing import Any, Protocol

import numpy as np

from ..images.decoded import DecodedImage


class SeeingModel(Protocol):
    """What the engine asks of a model that is shown images. For the engine thread."""

    lanes: int
    """How many images it is worth encoding side by side."""

    def encode_images(self, prompt: "ImagePrompt", known: int) -> Generator[list[Any], None, None]:
        """Have `prompt.embeddings` hold what the model is given for the tokens from `known` on, bit by bit.

        Each bit is arrays of MLX that are to be evaluated before the next is asked for. It is empty while nothing but
        images that other prompts are at is left. Closed early, it leaves the images that it is at to others.
        """

    def has_encoded(self, prompt: "ImagePrompt", known: int) -> bool:
        """Whether `prompt.embeddings` holds that."""

    def place(self, caches: list[Any], prompt: "ImagePrompt") -> None:
        """Tell the caches of one sequence what its prompt holds."""

    def forget_embeddings(self, prompt: "ImagePrompt") -> None:
        """Give up what only the prefill of a prompt needs."""

    def shrink_features(self, limit: int) -> None:
        """Keep at most so many bytes of images for now: those that were shown last."""

    @property
    def feature_bytes(self) -> int:
        """Bytes kept of images. Safe from any thread."""


Inputs = dict[str, np.ndarray]
"""What a model's processor makes of a text and its images: `input_ids`, `pixel_values` and more, by their names."""


def inputs_bytes(inputs: Inputs) -> int:
    """Bytes of all arrays."""
    return sum(each.nbytes for each in inputs.values() if isinstance(each, np.ndarray))


@dataclass(slots=True, eq=False)
class PromptImage:
    """One image of a prompt."""

    key: str
    """Equal keys show equal pixels, to the same client."""
    picture: DecodedImage | None
    """None once the model has seen it."""
    text: str
    """A prompt of this image alone, for the processor."""
    param: str
    """The part of the request that it came in."""
    places: np.ndarray
    """Which tokens of the prompt stand for it, in order."""

    @property
    def start(self) -> int:
        """The first of its tokens."""
        return int(self.places[0])

    @property
    def end(self) -> int:
        """The token behind its last one."""
        return int(self.places[-1]) + 1


@dataclass(slots=True, eq=False, weakref_slot=True)
class ImagePrompt:
    """The prompt's tokens, the images among them, and what the model makes of both."""

    tokens: list[int]
    inputs: Inputs
    """What positions depend on, as the processor makes it of the whole prompt: no pixels."""
    images: list[PromptImage]
    """In the order of their tokens."""
    key: list[int] = field(init=False)
    """The tokens by which prefixes of the prompt are known. Those that stand for images are negative and depend on what
    the image shows: two images have the same tokens, and prefixes with different images must never match."""
    pixels: dict[str, Inputs] = field(default_factory=dict)
    """What the processor made of images ahead of the tower, by their keys: of some, until they are encoded."""
    embeddings: Any = None
    """What the model is given in place of tokens; the engine thread's own."""

    def __post_init__(self) -> None:
        key = np.asarray(self.tokens, dtype=np.int32)
        for image in self.images:
            key[image.places] = _words(image.key, len(image.places))
        self.key = key.tolist()

    @property
    def waiting_bytes(self) -> int:
        """Bytes of the images before and behind the processor."""
        pictures = sum(len(image.picture.rgb) for image in self.images if image.picture is not None)
        return pictures + sum(inputs_bytes(inputs) for inputs in self.pixels.values())

    def forget_pictures(self) -> None:
        """Give both up: the model knows what they show."""
        self.pixels.clear()
        for image in self.images:
            image.picture = None

    @property
    def is_image(self) -> np.ndarray:
        """Whether each of the tokens stands for an image."""
        return np.asarray(self.key) < 0

    @property
    def image_tokens(self) -> int:
        """How many of the tokens stand for images."""
        return sum(len(image.places) for image in self.images)

    def whole_images(self, length: int) -> int:
        """The longest beginning of at most so many tokens that cuts no image.

        A single token of a key has 31 bits, which somebody could find an image for; whole images have many.
        """
        return next((image.start for image in self.images if image.start < length < image.end), length)


def _words(key: str, count: int) -> np.ndarray:
    """Negative numbers that tell this image from any other."""
    words = np.frombuffer(shake_256(key.encode()).digest(4 * count), dtype=np.int32)
    return -(words & 0x7FFF_FFFF) - 1
