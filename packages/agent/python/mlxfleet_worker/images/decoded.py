"""What decoding gives."""

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

VERSION = 1
"""Counted up when the same file gives other pixels than before, since keys may outlive the process."""


@dataclass(frozen=True, slots=True)
class DecodedImage:
    """An image or a page as a model is shown it."""

    width: int
    height: int
    rgb: bytes
    """Rows from the top, three bytes a pixel."""
    key: str
    """Equal keys are equal pixels."""

    def to_pil(self) -> "Image.Image":
        """As Pillow's, of mode RGB."""
        from PIL import Image  # the worker needs it only here

        return Image.frombytes("RGB", (self.width, self.height), self.rgb)


def image_key(sha256: str, side: int) -> str:
    """Of an image with these contents, made to fit."""
    return _hash(f"image {sha256} {side}")


def page_key(sha256: str, page: int, dpi: int, side: int, max_pixels: int) -> str:
    """Of a page of a document with these contents, drawn within these limits."""
    return _hash(f"page {sha256} {page} {dpi} {side} {max_pixels}")


def _hash(text: str) -> str:
    return hashlib.sha256(f"{VERSION} {text}".encode()).hexdigest()
