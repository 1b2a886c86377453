"""A vision model in this process."""

from itertools import pairwise
from pathlib import Path

import mlx.core as mx

from media_support import Conversation, media_settings
from mlxfleet_worker.images.decoded import DecodedImage
from mlxfleet_worker.model.image_prompt import ImagePrompt
from mlxfleet_worker.vision.vision_model import VisionModel
from mlxfleet_worker.wire.frames import NO_TOOLS, LoadFrame, MediaSettings
from mlxfleet_worker.wire.prompts import ChatPrompt, parse_prompt


def load_model(folder: Path, context_length: int | None = None, **settings: int) -> VisionModel:
    """The model, as a load frame with these changes of its media settings loads it."""
    media = MediaSettings(**media_settings(folder, **settings))
    return VisionModel.load_frame(LoadFrame(str(folder), context_length, None, 8, task="vision", media=media))


def compose(model: VisionModel, conversation: Conversation) -> ImagePrompt:
    """The conversation's prompt with its images."""
    prompt = parse_prompt(conversation.prompt())
    assert isinstance(prompt, ChatPrompt)
    return model.compose(prompt, NO_TOOLS, [[image] for image in decoded(conversation)])


def decoded(conversation: Conversation) -> list[DecodedImage]:
    """The conversation's images, as the process that decodes gives them."""
    return [
        DecodedImage(*image.picture.size, image.picture.tobytes(), image.medium["sha256"])
        for image in conversation.images
    ]


def encode(model: VisionModel, prompt: ImagePrompt, known: int = 0) -> int:
    """Encode the prompt's images; returns in how many slices."""
    count = 0
    for parts in model.encode_images(prompt, known):
        mx.eval(parts)
        count += 1
    return count


def last_logits(model: VisionModel, prompt: ImagePrompt, *chunks: int) -> mx.array:
    """The logits behind the prompt, computed in chunks of these lengths and the rest."""
    caches = model.model.make_cache()
    model.place(caches, prompt)
    places = [0]
    for chunk in chunks:
        places.append(places[-1] + chunk)
    places.append(len(prompt.tokens))
    for start, stop in pairwise(places):
        logits = model.model(mx.array([prompt.tokens[start:stop]]), cache=caches)
    return logits[0, -1]
