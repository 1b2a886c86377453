"""Conversations with images into a prompt: the template's text, its tokens, and which of them stand for which image."""

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from ..bounded_cache import BoundedCache
from ..chat.format import ChatFormat
from ..images.decoded import DecodedImage
from ..model.image_prompt import ImagePrompt, Inputs, PromptImage, inputs_bytes
from ..wire.errors import RequestError
from ..wire.frames import ToolChoice
from ..wire.prompts import ChatPrompt
from .processing import Processing

Part = dict[str, Any]
IMAGE_PART: Part = {"type": "image"}
TEXT_PART: Part = {"type": "text", "text": "x"}
GRID = "image_grid_thw"
"""What says of each image into how many patches it was cut, where positions depend on that."""
REMEMBERED_BYTES = 16_000_000
"""Of the tokens of images that were shown: 4 bytes each, so those of two or three thousand images."""
MOST_PIXEL_BYTES = 128_000_000
"""Of what the processor makes of a prompt's images ahead of the tower, which has it made again of the others. One image
has 14 MB at 768 pixels."""
OBJECT_BYTES = 500
"""Of what is remembered of an image, beside the arrays."""


class _Shown(NamedTuple):
    """An image, and the part of the request that it came in."""

    image: DecodedImage
    param: str


class _Alone(NamedTuple):
    """What the processor makes of one image by itself, without its pixels."""

    tokens: np.ndarray
    """What stands in the prompt for the place that the template leaves."""
    count: int
    """How many of them stand for the image itself."""
    grid: np.ndarray | None

    @property
    def nbytes(self) -> int:
        """Bytes of all."""
        return OBJECT_BYTES + self.tokens.nbytes + (0 if self.grid is None else self.grid.nbytes)


class _Place(NamedTuple):
    """Where the template puts an image, in a prompt of one."""

    text: str
    tokens: list[int]
    """What the template writes for an image."""
    before: int
    """Tokens in front of it in that prompt."""
    behind: int


class Composer:
    """One model's. For one thread at a time, any."""

    def __init__(self, chat: ChatFormat, processing: Processing, encode: Callable[[str], list[int]]) -> None:
        """`encode` gives a rendered prompt's tokens."""
        self._chat = chat
        self._processing = processing
        self._encode = encode
        self._known_place: _Place | None = None
        self._remembered = BoundedCache[_Alone](REMEMBERED_BYTES, lambda alone: alone.nbytes)

    def compose(
        self,
        prompt: ChatPrompt,
        tool_choice: ToolChoice,
        media: list[list[DecodedImage]],
        refuse: Callable[[int], None],
        *,
        is_asked_again: bool,
    ) -> ImagePrompt:
        """The prompt; `media` are the images of each medium. Raises RequestError for what the model cannot be shown.

        `refuse` is called with how many tokens there are at least, after each image, and may raise. What the processor
        makes of images is kept for the tower, and its tokens for further prompts, where `is_asked_again`.
        """
        shown = [_Shown(image, prompt.media[index].param) for index in _order(prompt) for image in media[index]]
        place = self._place(shown[0].param)
        text = self._rendered(prompt, tool_choice, media)
        plain = self._encode(text)
        starts = self._starts(plain, place, len(shown), prompt.param)
        alone: list[_Alone] = []
        pixels: dict[str, Inputs] | None = {} if is_asked_again else None
        for each in shown:
            alone.append(self._alone(each, place, pixels))
            refuse(sum(len(one.tokens) for one in alone))
        if all(self._is_atomic(one, place) for one in alone):
            tokens = _spliced(plain, starts, place, alone)
        else:
            # As the processor makes them of the whole text.
            inputs = self._processing.inputs(text, [each.image for each in shown], shown[0].param)
            tokens = inputs["input_ids"][0].tolist()
        composed = self._prompt(tokens, place, shown, alone)
        composed.pixels = pixels or {}
        return composed

    def _place(self, param: str) -> _Place:
        """Where the template puts images. Raises RequestError for one that has no place for them."""
        if self._known_place is None:
            text, without = (self._rendered_parts(parts) for parts in ([IMAGE_PART, TEXT_PART], [TEXT_PART]))
            tokens, others = self._encode(text), self._encode(without)
            before = _shared(tokens, others)
            behind = _shared(tokens[before:][::-1], others[before:][::-1])
            # Without what is text around it, which becomes other tokens beside other texts.
            special = self._processing.special_tokens
            while before + behind + 1 < len(tokens) and tokens[before] not in special:
                before += 1
            while before + behind + 1 < len(tokens) and tokens[-1 - behind] not in special:
                behind += 1
            marker = tokens[before : len(tokens) - behind]
            if tokens == others or not marker:
                raise RequestError("The model's chat template has no place for images.", param, "media")
            self._known_place = _Place(text, marker, before, behind)
        return self._known_place

    def _rendered_parts(self, parts: list[Part]) -> str:
        return self._chat.render_text(ChatPrompt([{"role": "user", "content": parts}], {}), ToolChoice("none"))

    def _rendered(self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[DecodedImage]]) -> str:
        messages = [_with_images(message, media) for message in prompt.messages]
        with_images = ChatPrompt(messages, prompt.template_options, prompt.tools, prompt.param)
        return self._chat.render_text(with_images, tool_choice)

    def _starts(self, plain: list[int], place: _Place, count: int, param: str) -> list[int]:
        """Where the places of the images are. Raises RequestError where a text holds what stands for one."""
        marker = place.tokens
        starts = [at for at in range(len(plain) - len(marker) + 1) if plain[at : at + len(marker)] == marker]
        watched = {*self._processing.media_tokens, *(self._processing.special_tokens & set(marker))}
        more = [token for token in sorted(watched) if plain.count(token) > count * marker.count(token)]
        if len(starts) != count or any(plain.count(token) != count * marker.count(token) for token in watched):
            held = self._processing.text_of(more[:1] or marker)
            raise RequestError(
                f"A text beside images holds '{held}', which the model's chat template writes for an image: the images "
                "would be shown in its place. Leave it out of the text.",
                param,
                quote=held,
            )
        return starts

    def _alone(self, shown: _Shown, place: _Place, pixels: dict[str, Inputs] | None) -> _Alone:
        """What is known of one image, or what the processor makes of it, which then goes to `pixels` as well."""
        key = shown.image.key
        known = self._remembered.get(key)
        if known is not None:
            return known
        inputs = self._processing.inputs(place.text, [shown.image], shown.param)
        tokens = inputs["input_ids"][0]
        own = np.array(tokens[place.before : len(tokens) - place.behind], dtype=np.int32)
        alone = _Alone(own, len(self._processing.places(tokens)), inputs.get(GRID))
        if pixels is not None:
            self._remembered.put(key, alone)
            if sum(inputs_bytes(each) for each in pixels.values()) + inputs_bytes(inputs) <= MOST_PIXEL_BYTES:
                pixels[key] = inputs
        return alone

    def _is_atomic(self, alone: _Alone, place: _Place) -> bool:
        """Whether texts beside the image become the same tokens whatever stands for it.

        So it is where special tokens are at both ends, or the same ones as in what the template writes.
        """
        special = self._processing.special_tokens
        ends = zip((int(alone.tokens[0]), int(alone.tokens[-1])), (place.tokens[0], place.tokens[-1]), strict=True)
        return all(token == other or (token in special and other in special) for token, other in ends)

    def _prompt(self, tokens: list[int], place: _Place, shown: list[_Shown], alone: list[_Alone]) -> ImagePrompt:
        ids = np.asarray(tokens)
        places = self._processing.places(ids)
        ends = np.cumsum([one.count for one in alone])
        if ends[-1] != len(places):
            raise RequestError("The model's processor cuts these images otherwise together.", shown[0].param, "media")
        images = [
            PromptImage(each.image.key, each.image, place.text, each.param, part)
            for each, part in zip(shown, np.split(places, ends[:-1]), strict=True)
        ]
        inputs: Inputs = {"input_ids": ids[None]}
        grids = [one.grid for one in alone if one.grid is not None]
        if grids:
            inputs[GRID] = np.concatenate(grids)
        return ImagePrompt(tokens, inputs, images)


def _spliced(plain: list[int], starts: list[int], place: _Place, alone: list[_Alone]) -> list[int]:
    """The template's tokens with each image's own in its place."""
    tokens: list[int] = []
    taken = 0
    for start, one in zip(starts, alone, strict=True):
        tokens += plain[taken:start] + one.tokens.tolist()
        taken = start + len(place.tokens)
    return tokens + plain[taken:]


def _shared(first: list[int], second: list[int]) -> int:
    """How many tokens both begin with."""
    pairs = zip(first, second, strict=False)
    return next((at for at, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))


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
