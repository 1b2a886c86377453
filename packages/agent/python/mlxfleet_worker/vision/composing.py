"""Conversations with images into a prompt: the template's text, the processor's tokens, which of them are images."""

from typing import Any, NamedTuple

import numpy as np

from ..chat.format import ChatFormat
from ..images.decoder import DecodedImage
from ..model.image_prompt import ImagePrompt, Inputs, PromptImage
from ..wire.errors import RequestError
from ..wire.fields import texts_in
from ..wire.frames import ToolChoice
from ..wire.prompts import ChatPrompt
from .processing import Processing

Part = dict[str, Any]
IMAGE_PART: Part = {"type": "image"}
PIXELS = "pixel_values"
"""What processors call the images themselves."""


class _Shown(NamedTuple):
    """An image, and the part of the request that it came in."""

    image: DecodedImage
    param: str


class Composer:
    """One model's. For one thread, which need not be the engine's."""

    def __init__(self, chat: ChatFormat, processing: Processing, processor: Any) -> None:
        self._chat = chat
        self._processing = processing
        self._markers = _markers(processor)

    def compose(self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[DecodedImage]]) -> ImagePrompt:
        """The prompt; `media` are the images of each medium. Raises RequestError for what the model cannot be shown."""
        self._refuse_markers(prompt)
        shown = [_Shown(image, prompt.media[index].param) for index in _order(prompt) for image in media[index]]
        # By itself first: then it is known which image the processor does not take.
        alone = [self._alone_inputs(each) for each in shown] if len(shown) > 1 else []
        inputs = self._processing.inputs(
            self._rendered(prompt, tool_choice, media), [each.image.to_pil() for each in shown], shown[0].param
        )
        places = self._processing.places(inputs)
        if not len(places):
            raise RequestError("The model's chat template has no place for images.", shown[0].param, "media")
        images = self._images(shown, alone, inputs, places)
        if all(image.inputs is not inputs for image in images):
            inputs = {name: value for name, value in inputs.items() if name != PIXELS}
        return ImagePrompt(inputs["input_ids"][0].tolist(), inputs, images)

    def _rendered(self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[DecodedImage]]) -> str:
        messages = [_with_images(message, media) for message in prompt.messages]
        with_images = ChatPrompt(messages, prompt.template_options, prompt.tools, prompt.param)
        return self._chat.render_text(with_images, tool_choice)

    def _alone_inputs(self, shown: "_Shown") -> Inputs:
        """What the processor makes of one image by itself."""
        alone = ChatPrompt([{"role": "user", "content": [IMAGE_PART]}], {})
        return self._processing.inputs(
            self._chat.render_text(alone, ToolChoice("none")), [shown.image.to_pil()], shown.param
        )

    def _images(
        self, shown: list["_Shown"], alone: list[Inputs], inputs: Inputs, places: np.ndarray
    ) -> list[PromptImage]:
        """The images, each with what the processor makes of it alone, so that it can be known from other prompts."""
        own = [self._processing.places(each) for each in alone]
        ends = np.cumsum([len(each) for each in own])
        if not alone or ends[-1] != len(places):
            # One, or some that the processor cuts otherwise when they come together.
            return [PromptImage(" ".join(each.image.key for each in shown), inputs, places, places)]
        parts = np.split(places, ends[:-1])
        return [
            PromptImage(each.image.key, made, mine, part)
            for each, made, mine, part in zip(shown, alone, own, parts, strict=True)
        ]

    def _refuse_markers(self, prompt: ChatPrompt) -> None:
        """Raise RequestError for texts that hold what stands for an image: the images would be shown in its place."""
        for text in texts_in([prompt.messages, prompt.tools]):
            for marker in self._markers:
                if marker in text:
                    raise RequestError(
                        f"A text beside images cannot hold {marker!r}, which stands for one.", prompt.param
                    )


def _markers(processor: Any) -> list[str]:
    """What stands for an image in a text."""
    named = (getattr(processor, name, None) for name in ("image_token", "boi_token", "eoi_token", "video_token"))
    return sorted({marker for marker in named if isinstance(marker, str) and marker})


def _order(prompt: ChatPrompt) -> list[int]:
    """The media in the order of the parts that name them."""
    return [
        part["media"]
        for message in prompt.messages
        if isinstance(message["content"], list)
        for part in message["content"]
        if part["type"] == "media"
    ]


def _with_images(message: dict[str, Any], media: list[list[DecodedImage]]) -> dict[str, Any]:
    """The message with a part for each image, as chat templates know them."""
    if not isinstance(message["content"], list):
        return message
    parts: list[Part] = []
    for part in message["content"]:
        parts += [IMAGE_PART] * len(media[part["media"]]) if part["type"] == "media" else [part]
    return {**message, "content": parts}
