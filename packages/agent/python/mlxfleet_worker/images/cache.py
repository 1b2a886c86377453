"""Decoded images that later requests show again, and how many pages documents have."""

import threading
from collections import OrderedDict

from .decoded import DecodedImage

MAX_COUNTS = 1024
"""Documents whose number of pages is remembered: 100 bytes each."""


class ImageCache:
    """The most recently used, within a number of bytes. Safe from any thread."""

    def __init__(self, limit_bytes: int) -> None:
        """Keep images of so many bytes; 0 keeps none."""
        self._limit = limit_bytes
        self._lock = threading.Lock()
        self._images: OrderedDict[str, DecodedImage] = OrderedDict()
        self._counts: OrderedDict[str, int] = OrderedDict()
        self._bytes = 0

    @property
    def bytes(self) -> int:
        """Of all images kept."""
        return self._bytes

    def image(self, key: str) -> DecodedImage | None:
        """The image of this key, if it is kept."""
        with self._lock:
            if key in self._images:
                self._images.move_to_end(key)
            return self._images.get(key)

    def keep(self, image: DecodedImage) -> None:
        """Keep it, and let those go that were not used for longest."""
        if len(image.rgb) > self._limit:
            return
        with self._lock:
            if image.key not in self._images:
                self._images[image.key] = image
                self._bytes += len(image.rgb)
                self._drop_beyond(self._limit)

    def page_count(self, key: str) -> int | None:
        """How many pages the document of this key has, if it is known."""
        return self._counts.get(key)

    def keep_page_count(self, key: str, count: int) -> None:
        """Remember it."""
        with self._lock:
            if self._limit:
                self._counts[key] = count
                if len(self._counts) > MAX_COUNTS:
                    self._counts.popitem(last=False)

    def shrink(self, limit_bytes: int) -> None:
        """Let go what is beyond so many bytes, this once."""
        with self._lock:
            self._drop_beyond(limit_bytes)

    def _drop_beyond(self, limit_bytes: int) -> None:
        while self._bytes > limit_bytes and self._images:
            _, dropped = self._images.popitem(last=False)
            self._bytes -= len(dropped.rgb)
