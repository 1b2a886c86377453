"""What decoding gives."""

import hashlib
import json
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
    """Equal keys are equal pixels of one scope: who keeps anything by them keeps clients apart."""
    page: int | None = None
    """Of a document, counted from 1; None for an image."""

    def to_pil(self) -> "Image.Image":
        """As Pillow's, of mode RGB."""
        from PIL import Image  # the worker needs it only here

        return Image.frombytes("RGB", (self.width, self.height), self.rgb)


def image_key(scope: str | None, sha256: str, side: int) -> str:
    """Of an image with these contents, made to fit, among the clients of a scope; None is a scope too."""
    return _hash(scope, "image", sha256, side)


def document_key(scope: str | None, sha256: str) -> str:
    """Of a document with these contents, among the clients of a scope; None is a scope too."""
    return _hash(scope, "document", sha256)


def page_key(document: str, page: int, dpi: int, side: int, max_pixels: int) -> str:
    """Of a page of the document with this key, drawn within these limits."""
    return _hash(document, "page", page, dpi, side, max_pixels)


def _hash(*parts: str | int | None) -> str:
    # As JSON, in which other parts are another text, whatever they hold.
    return hashlib.sha256(json.dumps([VERSION, *parts]).encode()).hexdigest()
