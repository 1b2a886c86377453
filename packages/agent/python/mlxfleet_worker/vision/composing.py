"""Conversations with images into a prompt: the template's text, the processor's tokens, which of them are images."""

from typing import Any

import numpy as np
from PIL import Image

from ..chat.format import ChatFormat
from ..images.decoder import DecodedImage
from ..model.image_prompt import ImagePrompt, Inputs, PromptImage
from ..wire.errors import RequestError
from ..wire.frames import ToolChoice
from ..wire.prompts import ChatPrompt
from .processing import Processing

Part = dict[str, Any]
IMAGE_PART: Part = {"type": "image"}


class Composer:
    """One model's. For one thread, which need not be the engine's."""

    def __init__(self, chat: ChatFormat, processing: Processing, processor: Any) -> None:
        self._chat = chat
        self._processing = processing
        self._markers = _markers(processor)
        self._alone = self._text([{"role": "user", "content": [IMAGE_PART]}])
        """A prompt of one image, in which the processor is asked about each by itself."""

    def compose(self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[DecodedImage]]) -> ImagePrompt:
        """The prompt; `media` are the images of each medium. Raises RequestError for what the model cannot be shown."""
        self._refuse_markers(prompt)
        shown = [image for index in _order(prompt) for image in media[index]]
        messages = [_with_images(message, media) for message in prompt.messages]
        text = self._chat.render_text(
            ChatPrompt(messages, prompt.template_options, prompt.tools, prompt.param), tool_choice
        )
        pictures = [image.to_pil() for image in shown]
        inputs = self._processing.inputs(text, pictures, prompt.param)
        places = self._processing.places(inputs)
        return ImagePrompt(
            inputs["input_ids"][0].tolist(), inputs, self._images(shown, pictures, inputs, places, prompt)
        )

    def _images(
        self,
        shown: list[DecodedImage],
        pictures: list[Image.Image],
        inputs: Inputs,
        places: np.ndarray,
        prompt: ChatPrompt,
    ) -> list[PromptImage]:
        """The images, each with what the processor makes of it alone, so that it can be known from other prompts."""
        if len(shown) > 1:
            alone = [self._processing.inputs(self._alone, [picture], prompt.param) for picture in pictures]
            own = [self._processing.places(each) for each in alone]
            ends = np.cumsum([len(each) for each in own])
            if ends[-1] == len(places):
                parts = np.split(places, ends[:-1])
                each_image = zip(shown, alone, own, parts, strict=True)
                return [PromptImage(image.key, made, mine, part) for image, made, mine, part in each_image]
        if not len(places):
            raise RequestError("The model's chat template has no place for images.", prompt.param, "media")
        # One, or some that the processor cuts otherwise when they come together.
        return [PromptImage(" ".join(image.key for image in shown), inputs, places, places)]

    def _text(self, messages: list[dict[str, Any]]) -> str:
        return self._chat.render_text(ChatPrompt(messages, {}), ToolChoice("none"))

    def _refuse_markers(self, prompt: ChatPrompt) -> None:
        """Raise RequestError for texts that hold what stands for an image: the images would be shown in its place."""
        for text in _texts([prompt.messages, prompt.tools]):
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


def _texts(value: Any) -> list[str]:
    """All texts in a value, at any depth."""
    texts: list[str] = []
    waiting = [value]
    while waiting:
        match waiting.pop():
            case str(text):
                texts.append(text)
            case dict(members):
                waiting += members.values()
            case list(items):
                waiting += items
    return texts
