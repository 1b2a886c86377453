"""A model that is shown images, loaded by mlx-vlm: what the engine knows of a text model, and prompts with images."""

import os
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any, Self

import mlx.core as mx
from mlx import nn
from mlx_lm.tokenizer_utils import TokenizerWrapper
from mlx_lm.utils import load_config, load_tokenizer
from mlx_vlm import load

from ..bounded_cache import BoundedCache
from ..caches.row_place import RowPlace
from ..chat.template import check_options
from ..images.decoder import DecodedImage
from ..log import log
from ..model.image_prompt import ImagePrompt, Inputs, PromptImage, inputs_bytes
from ..model.text_model import Loaded, TextModel, require_model
from ..wire.errors import RequestError
from ..wire.frames import NO_TOOLS, LoadFrame, ToolChoice
from ..wire.media import Media
from ..wire.prompts import ChatPrompt, Prompt, TextPrompt
from .composing import Composer
from .contents import Contents
from .language_model import VisionLanguageModel
from .processing import Processing
from .tower import Features, Tower, not_served
from .waiting_room import WaitingRoom

WAITING_PIXEL_BYTES = 128_000_000
"""Of what the processor made of images ahead of the tower. One image has 14 MB at 768 pixels."""
WAITING_PICTURE_BYTES = 256_000_000
"""Of images of prompts that wait for the engine; further requests wait as files. One image has 2 MB at 768 pixels."""
MOST_LANES = 4
TRIAL_SIDE = 64
"""Pixels: an image of two or more patches a side in every family."""


class VisionModel(TextModel):
    """One loaded model. Prompts with images are composed by one thread at a time, and encoded by the engine's."""

    def __init__(self, whole: nn.Module, processor: Any, loaded: Loaded, frame: LoadFrame) -> None:
        assert frame.media is not None
        super().__init__(loaded, frame.context_length)
        self._whole = whole
        token = _image_token(whole)
        self._tower = Tower(whole)
        self._features = BoundedCache[Features](frame.media.feature_cache_bytes, lambda features: features.nbytes)
        self._processing = Processing(whole, processor, token)
        self._pixels = BoundedCache[Inputs](WAITING_PIXEL_BYTES, inputs_bytes)
        self._composer = Composer(self.chat, self._processing, self._encode_text, self._pixels)
        self._composing = threading.Lock()
        """Completions and questions are composed by a thread each."""
        self._waiting_room = WaitingRoom(WAITING_PICTURE_BYTES)
        self._streams = _streams()
        self._at_work: set[str] = set()
        """Keys of the images that are being encoded."""

    @classmethod
    def load_frame(cls, frame: LoadFrame) -> Self:
        """Load what a frame names. Raises ModelSettingsError for families that are not served, and what else fails."""
        folder = require_model(frame.path)
        whole, processor = load(str(folder), adapter_path=frame.adapter_path, lazy=True)
        _refuse_unserved(whole)
        config = load_config(folder)
        loaded = Loaded(VisionLanguageModel(whole), _tokenizer(folder, processor, config), _described(config, whole))
        model = cls(whole, processor, loaded, frame)
        model.try_image()
        return model

    def try_image(self) -> None:
        """Encode one: compiles kernels, and fails here if the model's images cannot be served.

        Raises ModelSettingsError, and whatever the libraries raise.
        """
        if not self.has_chat_template:
            return
        side = TRIAL_SIDE
        image = DecodedImage(side, side, bytes(3 * side * side), "trial")
        medium = Media("image", "", image.key, "messages")
        prompt = ChatPrompt([{"role": "user", "content": [{"type": "media", "media": 0}]}], {}, media=[medium])
        try:
            composed = self.compose(prompt, NO_TOOLS, [[image]])
        except RequestError as error:
            # Requests with images will be told so; those without are served.
            log(f"this model cannot be shown images: {error.message}")
            return
        for parts in self.encode_images(composed, 0):
            mx.eval(parts)
        self.shrink_features(0)

    def tokens(self, prompt: Prompt, tool_choice: ToolChoice = NO_TOOLS) -> list[int]:
        """The tokens of a prompt of any length. Raises RequestError for one that is invalid."""
        if not isinstance(prompt, ChatPrompt):
            return super().tokens(prompt, tool_choice)
        check_options(prompt.template_options)
        # As a processor makes them of a prompt with images, and mlx_vlm.generate of one without.
        tokens = self._encode_text(self.chat.render_text(prompt, tool_choice))
        self.chat.check_reasoning(prompt, tokens)
        return tokens

    def compose(self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[DecodedImage]]) -> ImagePrompt:
        """The prompt with its images, to be completed; `media` are those of each medium in the prompt.

        Raises RequestError for one that is invalid, too long or cannot be shown.
        """
        composed = self._composed(
            prompt, tool_choice, media, lambda count: self.refuse_too_long(count, prompt.param), is_asked_again=True
        )
        self.refuse_too_long(len(composed.tokens), prompt.param)
        self._waiting_room.enter(composed, composed.picture_bytes)
        return composed

    def tokens_with_images(
        self, prompt: ChatPrompt, tool_choice: ToolChoice, media: list[list[DecodedImage]]
    ) -> list[int]:
        """The tokens of a prompt of any length with its images. Raises RequestError for one that is invalid."""
        return self._composed(prompt, tool_choice, media, lambda _: None, is_asked_again=False).tokens

    def _composed(
        self,
        prompt: ChatPrompt,
        tool_choice: ToolChoice,
        media: list[list[DecodedImage]],
        refuse: Callable[[int], None],
        *,
        is_asked_again: bool,
    ) -> ImagePrompt:
        check_options(prompt.template_options)
        with self._composing:
            composed = self._composer.compose(prompt, tool_choice, media, refuse, is_asked_again=is_asked_again)
        self.chat.check_reasoning(prompt, composed.tokens)
        return composed

    @property
    def has_room_for_images(self) -> bool:
        """Whether another prompt should be composed now: images wait in memory for the tower. Safe from any thread."""
        return self._waiting_room.has_room

    def wait_for_room(self) -> None:
        """Return when there is room for images. For any thread but the engine's, which makes it."""
        self._waiting_room.wait()

    def _encode_text(self, text: str) -> list[int]:
        """The tokens of a rendered prompt."""
        return super().tokens(TextPrompt(text))

    @property
    def lanes(self) -> int:
        """How many images it is worth encoding side by side: a GPU works on one with all that it has."""
        return len(self._streams)

    def has_encoded(self, prompt: ImagePrompt, known: int) -> bool:
        """Whether `prompt.contents` holds what the model is given for the tokens from `known` on."""
        return prompt.contents is not None and prompt.contents.known <= known

    def encode_images(self, prompt: ImagePrompt, known: int) -> Iterator[list[mx.array]]:
        """Have `prompt.contents` hold what the model is given for the tokens from `known` on, bit by bit.

        Each bit is to be evaluated before the next is asked for. It is empty while nothing but images that other
        prompts are at is left. Nothing is yielded where the images are known already.
        """
        if self.has_encoded(prompt, known):
            return
        found: dict[str, Features] = {}
        left = deque({image.key: image for image in prompt.images if image.end > known}.values())
        of_others: deque[PromptImage] = deque()
        running: dict[str, Generator[mx.array, None, Features]] = {}
        while left or running or of_others:
            while left and len(running) < self.lanes:
                image = left.popleft()
                if (features := self._features.get(image.key)) is not None:
                    found[image.key] = features
                elif image.key in self._at_work:
                    of_others.append(image)
                else:
                    running[image.key] = self._encode(image)
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
        prompt.contents = self._contents(prompt, [found.get(image.key) for image in prompt.images], known)

    def _encode(self, image: PromptImage) -> Generator[mx.array, None, Features]:
        """One image, on the stream of the lane whose turn it is."""
        self._at_work.add(image.key)
        try:
            self._streams.rotate()
            inputs = self._pixels.take(image.key)
            if inputs is None:
                inputs = self._processing.inputs(image.text, [image.picture], image.param)
            with mx.stream(self._streams[0]):
                features, slices = self._tower.encode(inputs, self._processing.places(inputs["input_ids"][0]))
            yield from slices
            mx.eval(features)
            self._features.put(image.key, features)
            return features
        finally:
            self._at_work.discard(image.key)

    def place(self, caches: list[Any], prompt: ImagePrompt) -> None:
        """Tell the caches of one sequence what its prompt holds."""
        assert isinstance(caches[-1], RowPlace)
        caches[-1].contents = prompt.contents
        self._waiting_room.leave(prompt)

    def forget_embeddings(self, prompt: ImagePrompt) -> None:
        """Give up what only the prefill of a prompt needs."""
        if prompt.contents is not None:
            prompt.contents.forget_embeddings()

    def shrink_features(self, limit: int) -> None:
        """Keep at most so many bytes of images for now: those that were shown last."""
        self._features.shrink(limit)

    @property
    def feature_bytes(self) -> int:
        """Bytes kept of images. Safe from any thread."""
        return self._features.size

    def _contents(self, prompt: ImagePrompt, found: list[Features | None], known: int) -> Contents:
        tokens = mx.array([prompt.tokens])
        embeddings = self._whole.get_input_embeddings(tokens, None).inputs_embeds[0]
        for image, features in zip(prompt.images, found, strict=True):
            if features is not None:
                embeddings[mx.array(image.places)] = features.embeddings.astype(embeddings.dtype)
        layers = _joined_layers(prompt, found)
        positions = self._tower.positions(prompt.inputs)
        contents = Contents(embeddings, prompt.is_image, layers, positions, known)
        mx.eval(embeddings, layers or [], [] if positions.ids is None else positions.ids)
        return contents


def _refuse_unserved(whole: nn.Module) -> None:
    """Raise ModelSettingsError for a model that looks at all of an image at once, which no chunk of a prompt has."""
    language = whole.language_model
    configs = (getattr(each, "config", None) for each in (whole, language))
    if any(getattr(each, "no_chunked_prefill", False) for each in (whole, language)) or any(
        getattr(config, "use_bidirectional_attention", None) for config in configs
    ):
        raise not_served(whole, "it reads the tokens of an image in both directions")


def _streams() -> deque[mx.Stream]:
    """Where images are encoded. MLX's processor backend works through a stream on one core, so there are several."""
    if mx.default_device() != mx.cpu:
        return deque([mx.default_stream(mx.default_device())])
    return deque(mx.new_stream(mx.cpu) for _ in range(min(os.cpu_count() or 1, MOST_LANES)))


def _image_token(whole: nn.Module) -> int:
    """The token that stands for images. Raises ModelSettingsError for a family that has none."""
    for name in ("image_token_id", "image_token_index"):
        token = getattr(whole.config, name, None)
        if isinstance(token, int):
            return token
    raise not_served(whole, "no token stands for them")


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


def _tokenizer(folder: Path, processor: Any, config: dict[str, Any]) -> TokenizerWrapper:
    """The tokenizer with the chat template of the processor, where it has none of its own."""
    ends = config.get("eos_token_id") or (config.get("text_config") or {}).get("eos_token_id")
    tokenizer = load_tokenizer(folder, eos_token_ids=ends)
    if tokenizer.chat_template is None and getattr(processor, "chat_template", None) is not None:
        tokenizer.chat_template = processor.chat_template
        tokenizer.has_chat_template = True
    return tokenizer


def _described(config: dict[str, Any], whole: nn.Module) -> dict[str, Any]:
    """The configuration with what mlx-vlm takes for the language part where the folder does not say it."""
    return {**config, "text_config": dict(vars(whole.config.text_config))}
