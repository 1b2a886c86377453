"""A model's processor: a text and the images in it, into tokens and pixels. No work of MLX is left to others."""

from typing import Any

import mlx.core as mx
import numpy as np
from mlx import nn
from mlx_vlm.utils import prepare_inputs
from PIL import Image

from ..images.decoded import DecodedImage
from ..log import log
from ..model.image_prompt import Inputs
from ..wire.errors import RequestError

ORDINARY_SIDE = 224
"""Pixels that every family takes."""


class Processing:
    """One model's. Any thread may call it: what it gives is no array of MLX."""

    def __init__(self, model: nn.Module, processor: Any, image_token: int) -> None:
        self._processor = repaired(processor)
        self._image_token = image_token
        video_tokens = (getattr(model.config, name, None) for name in ("video_token_id", "video_token_index"))
        self.media_tokens = {image_token, *(token for token in video_tokens if isinstance(token, int))}
        """Tokens that stand for what is no text."""
        self.special_tokens: frozenset[int] = frozenset(processor.tokenizer.all_special_ids) | {
            id for id, token in processor.tokenizer.added_tokens_decoder.items() if token.special
        }
        """Tokens that no text beside them changes."""
        self._token_index = getattr(model.config, "image_token_index", None)

    def inputs(self, text: str, images: list[DecodedImage], param: str) -> Inputs:
        """What the processor makes of a text that has a place for each image, in their order.

        Raises RequestError that names `param` for images that it does not take.
        """
        try:
            made = self._prepared(text, [image.to_pil() for image in images])
        except Exception as error:  # mlx-vlm makes a ValueError of whatever a processor raises
            log(f"the model's processor refuses images: {error}")
            if not self._takes_any(text, len(images)):
                raise RequestError("The model's processor fails over any image.", param, "internal") from error
            message = (
                f"The model does not take {' or '.join(_named(image) for image in images)}, which it has once it is "
                "made smaller. Sides of very different lengths are the usual reason."
            )
            raise RequestError(message, param, "media") from error
        return {name: _plain(value) for name, value in made.items() if value is not None}

    def _takes_any(self, text: str, count: int) -> bool:
        """Whether images of an ordinary size are taken in this text."""
        try:
            self._prepared(text, [Image.new("RGB", (ORDINARY_SIDE, ORDINARY_SIDE))] * count)
        except Exception:  # as above
            return False
        return True

    def _prepared(self, text: str, images: list[Image.Image]) -> Any:
        beginning = self._processor.tokenizer.bos_token
        return prepare_inputs(
            self._processor,
            images=images,
            prompts=text,
            image_token_index=self._token_index,
            # A text that brings its own beginning gets no second one.
            add_special_tokens=beginning is None or not text.startswith(beginning),
        )

    def text_of(self, tokens: list[int]) -> str:
        """What the tokens stand for, without blanks around it."""
        return str(self._processor.tokenizer.decode(tokens)).strip()

    def places(self, tokens: np.ndarray) -> np.ndarray:
        """Which of the tokens stand for images."""
        return np.flatnonzero(tokens == self._image_token)


class _ImagesAlone:
    """An image processor that is not told how to tokenize.

    mlx-vlm 0.7.10's processors of LLaVA and others pass on what is for the tokenizer; transformers 5 refuses it.
    """

    def __init__(self, image_processor: Any) -> None:
        self._image_processor = image_processor

    def __getattr__(self, name: str) -> Any:
        return getattr(self._image_processor, name)

    def __call__(self, images: Any, **options: Any) -> Any:
        known = self._image_processor.valid_kwargs.__annotations__
        return self._image_processor(images, **{name: value for name, value in options.items() if name in known})


def repaired(processor: Any) -> Any:
    """The processor, with an image processor that is told nothing but what it knows."""
    image_processor = getattr(processor, "image_processor", None)
    if hasattr(image_processor, "valid_kwargs"):
        processor.image_processor = _ImagesAlone(image_processor)
    return processor


def _named(image: DecodedImage) -> str:
    size = f"{image.width} x {image.height} pixels"
    return f"an image of {size}" if image.page is None else f"page {image.page:,} of the document at {size}"


def _plain(value: Any) -> Any:
    """Arrays of MLX belong to the thread that makes them."""
    return np.array(value) if isinstance(value, mx.array) else value
