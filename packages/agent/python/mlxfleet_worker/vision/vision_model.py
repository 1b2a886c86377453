"""A model that is shown images, loaded by mlx-vlm: what the engine knows of a text model, and prompts with images."""

import threading
from collections.abc import Callable, Generator
from typing import Any, Self

import mlx.core as mx

from ..caches.position_cache import PositionCache
from ..chat.template import check_options
from ..images.decoded import DecodedImage
from ..log import log
from ..model.image_prompt import ImagePrompt
from ..model.text_model import TextModel
from ..wire.errors import RequestError
from ..wire.frames import NO_TOOLS, LoadFrame, ToolChoice
from ..wire.media import Media
from ..wire.prompts import ChatPrompt, Prompt, TextPrompt
from .composing import Composer
from .image_encoder import ImageEncoder
from .loading import LoadedVision, load_vision
from .processing import Processing
from .served import image_token
from .waiting_room import WaitingRoom

WAITING_BYTES = 384_000_000
"""Of images of requests that wait; further ones wait as files. One has 2 MB at 768 pixels, and 14 behind the processor:
so many keep a tower at work."""
TRIAL_SIDE = 64
"""Pixels: an image of two or more patches a side in every family."""


class VisionModel(TextModel):
    """One loaded model. Prompts with images are composed by one thread at a time, and encoded by the engine's."""

    def __init__(self, loaded: LoadedVision, frame: LoadFrame, lanes: int | None = None) -> None:
        assert frame.media is not None
        super().__init__(loaded.language, frame.context_length)
        processing = Processing(loaded.whole, loaded.processor, image_token(loaded.whole))
        self._composer = Composer(self.chat, processing, self._encode_text)
        self._composing = threading.Lock()
        """Completions and questions are composed by a thread each."""
        self._waiting_room = WaitingRoom(WAITING_BYTES)
        self._encoder = ImageEncoder(loaded.whole, processing, frame.media.feature_cache_bytes, lanes)

    @classmethod
    def load_frame(cls, frame: LoadFrame, lanes: int | None = None) -> Self:
        """Load what a frame names, to encode so many images side by side, or as many as the machine is best at.

        Raises ModelSettingsError for families that are not served, and what else fails.
        """
        model = cls(load_vision(frame.path, frame.adapter_path), frame, lanes)
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
        self._waiting_room.enter(composed, composed.waiting_bytes)
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

    def count_waiting(self, question: Any, media: list[list[DecodedImage]]) -> None:
        """Have a question about these images take room until it is gone."""
        self._waiting_room.enter(question, sum(len(image.rgb) for images in media for image in images))

    def wait_for_room(self) -> None:
        """Return when another request should be shown its images: they wait in memory for the tower, or an answer.

        For any thread but the engine's and that of questions, which make room.
        """
        self._waiting_room.wait()

    def _encode_text(self, text: str) -> list[int]:
        """The tokens of a rendered prompt."""
        return super().tokens(TextPrompt(text))

    @property
    def lanes(self) -> int:
        """How many images it is worth encoding side by side."""
        return self._encoder.lanes

    def has_encoded(self, prompt: ImagePrompt, known: int) -> bool:
        """Whether `prompt.embeddings` holds what the model is given for the tokens from `known` on."""
        return self._encoder.has_encoded(prompt, known)

    def encode_images(self, prompt: ImagePrompt, known: int) -> Generator[list[mx.array], None, None]:
        """Have it do so, bit by bit: SeeingModel.encode_images."""
        return self._encoder.encode(prompt, known)

    def place(self, caches: list[Any], prompt: ImagePrompt) -> None:
        """Tell the caches of one sequence what its prompt holds."""
        assert isinstance(caches[-1], PositionCache)
        caches[-1].embeddings = prompt.embeddings
        prompt.forget_pictures()
        self._waiting_room.leave(prompt)

    def forget_embeddings(self, prompt: ImagePrompt) -> None:
        """Give up what only the prefill of a prompt needs."""
        if prompt.embeddings is not None:
            prompt.embeddings.forget()

    def shrink_features(self, limit: int) -> None:
        """Keep at most so many bytes of images for now: those that were shown last."""
        self._encoder.features.shrink(limit)

    @property
    def feature_bytes(self) -> int:
        """Bytes kept of images. Safe from any thread."""
        return self._encoder.features.size
