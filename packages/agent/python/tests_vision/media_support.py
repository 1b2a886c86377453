"""Images of tests: drawn at random, put into a spool folder as the agent does, named in prompts."""

import hashlib
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Frame = dict[str, Any]


@dataclass(frozen=True)
class TestImage:
    """An image, and the medium of a frame that stands for it."""

    __test__ = False
    picture: Image.Image
    medium: Frame


def media_settings(spool: Path, **changed: int) -> Frame:
    """The `media` of a load frame."""
    return {
        "spool_path": str(spool),
        "max_side": 768,
        "max_pixels": 50_000_000,
        "max_pdf_pages": 20,
        "pdf_dpi": 144,
        "image_cache_bytes": 100_000_000,
        "feature_cache_bytes": 100_000_000,
        **changed,
    }


def put_image(spool: Path, seed: int, width: int = 120, height: int = 90) -> TestImage:
    """Noise, a PNG in the spool folder."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)
    picture = Image.fromarray(pixels)
    file = io.BytesIO()
    picture.save(file, "PNG")
    content = file.getvalue()
    name = hashlib.sha256(content).hexdigest()
    (spool / name).write_bytes(content)
    medium = {"kind": "image", "path": str(spool / name), "sha256": name, "param": "messages.0.content.0"}
    return TestImage(picture, medium)


def chat(*messages: tuple[str, str | list[str | TestImage]]) -> "Conversation":
    """A conversation of roles, each with a text or with texts and images in order."""
    return Conversation(list(messages))


@dataclass(frozen=True)
class Conversation:
    """A conversation with images, for a worker and for mlx-vlm."""

    messages: list[tuple[str, str | list[str | TestImage]]]

    @property
    def images(self) -> list[TestImage]:
        """In the order in which they stand."""
        return [
            part
            for _, content in self.messages
            if isinstance(content, list)
            for part in content
            if isinstance(part, TestImage)
        ]

    def prompt(self) -> Frame:
        """The prompt of a frame."""
        count = iter(range(len(self.images)))
        messages = [
            {"role": role, "content": _content(content, lambda: {"type": "media", "media": next(count)})}
            for role, content in self.messages
        ]
        return {"kind": "chat", "messages": messages, "media": [image.medium for image in self.images]}

    def plain_messages(self) -> list[Frame]:
        """Messages for a processor's own template."""
        return [
            {"role": role, "content": _content(content, lambda: {"type": "image"})} for role, content in self.messages
        ]

    def pictures(self) -> list[Image.Image]:
        """The images themselves."""
        return [image.picture for image in self.images]


def _content(content: str | list[str | TestImage], image_part: Any) -> Any:
    if isinstance(content, str):
        return content
    return [{"type": "text", "text": part} if isinstance(part, str) else image_part() for part in content]
