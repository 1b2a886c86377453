"""Turns the media of a prompt into pixels."""

import time
from collections.abc import Callable
from typing import Any, NamedTuple, Self

from ..bounded_cache import BoundedCache
from ..log import log
from ..wire.errors import RequestError
from ..wire.frames import MediaSettings
from ..wire.media import Media
from .decoded import DecodedImage, document_key, image_key, page_key
from .limits import LOW_DETAIL_SIDE, Limits
from .pages import asked_pages
from .refusal import RefusalError
from .side_process import Answer, EndedError, SideProcess, UnavailableError

MOST_PAGE_COUNTS = 1024
"""Documents whose number of pages is remembered: 100 bytes each."""


class ImageDecoder:
    """Decodes in a side process, and keeps what it decoded. Decoding belongs to one thread at a time."""

    def __init__(self, settings: MediaSettings, limits: Limits | None = None) -> None:
        """Take note; the process starts with the first file that is not kept."""
        self._settings = settings
        self._limits = limits or Limits()
        self._process = SideProcess(settings, self._limits)
        self._kept = _Kept.within(settings.image_cache_bytes)

    @property
    def cache_bytes(self) -> int:
        """Bytes of the decoded images that are kept. Safe from any thread."""
        return self._kept.images.size

    def shrink(self, limit: int) -> None:
        """Let go the images beyond so many bytes, this once. Safe from any thread."""
        self._kept.images.shrink(limit)

    def decode(
        self, media: list[Media], is_cancelled: Callable[[], bool], scope: str | None = None
    ) -> list[list[DecodedImage]]:
        """For each medium its image, or its pages in the order in which they are asked for.

        What was decoded in this scope is not decoded again, and what was in another one is: how long it takes tells
        no client what others have shown. None is a scope too.

        An empty list when the request is cancelled, which is looked at between images: one takes at most
        `Limits.cpu_seconds`. Raises RequestError: `media` for what cannot be decoded, `media_too_large`, and
        `internal` where the process cannot be had or the file is not there.
        """
        deadline = time.monotonic() + self._limits.wall_seconds
        work = _Work(self._settings, self._process, self._kept, scope, deadline)
        pages = work.pages(media, is_cancelled)
        decoded: list[list[DecodedImage]] = []
        for medium, numbers in zip(media, pages, strict=False):
            images: list[DecodedImage] = []
            for number in numbers:
                if is_cancelled():
                    return []
                images.append(work.image(medium, number))
            decoded.append(images)
        return decoded if len(decoded) == len(media) else []


class _Kept(NamedTuple):
    """What later requests show again."""

    images: BoundedCache[DecodedImage]
    page_counts: BoundedCache[int]
    """Of documents."""

    @classmethod
    def within(cls, limit_bytes: int) -> Self:
        """Images of so many bytes; 0 keeps nothing."""
        counts = BoundedCache[int](MOST_PAGE_COUNTS if limit_bytes else 0, lambda _: 1)
        return cls(BoundedCache(limit_bytes, lambda image: len(image.rgb)), counts)


class _Work:
    """One request's. An image that it shows twice is decoded once, kept or not."""

    def __init__(
        self, settings: MediaSettings, process: SideProcess, kept: _Kept, scope: str | None, deadline: float
    ) -> None:
        self._settings = settings
        self._process = process
        self._kept = kept
        self._scope = scope
        self._deadline = deadline
        self._done: dict[str, DecodedImage] = {}

    def pages(self, media: list[Media], is_cancelled: Callable[[], bool]) -> list[list[int]]:
        """The pages of each medium, 0 for an image; of fewer media when the request is cancelled.

        All are known before the first is drawn: a request with too many costs nothing else.
        """
        left = most = self._settings.max_pdf_pages
        pages: list[list[int]] = []
        for medium in media:
            if is_cancelled():
                break
            if medium.kind == "image":
                pages.append([0])
                continue
            pages.append(asked_pages(medium, self._page_count(medium), left, most))
            left -= len(pages[-1])
        return pages

    def image(self, medium: Media, page: int) -> DecodedImage:
        """The image, or this page of the document."""
        settings = self._settings
        if medium.kind == "image":
            side = min(LOW_DETAIL_SIDE, settings.max_side) if medium.detail == "low" else settings.max_side
            key = image_key(self._scope, medium.sha256, side)
            request = {"task": "image", "path": medium.path, "side": side}
        else:
            dpi = settings.pdf_dpi if medium.dpi is None else medium.dpi
            document = document_key(self._scope, medium.sha256)
            key = page_key(document, page, dpi, settings.max_side, settings.max_pixels)
            request = {"task": "page", "path": medium.path, "document": document, "page": page}
            request |= {"dpi": dpi, "side": settings.max_side}
        image = self._done.get(key) or self._kept.images.get(key)
        if image is None:
            answer = self._ask(medium, request)
            image = DecodedImage(answer.fields["width"], answer.fields["height"], answer.rgb, key, page or None)
            self._kept.images.put(key, image)
        self._done[key] = image
        return image

    def _page_count(self, medium: Media) -> int:
        key = document_key(self._scope, medium.sha256)
        count = self._kept.page_counts.get(key)
        if count is None:
            answer = self._ask(medium, {"task": "count", "path": medium.path, "document": key})
            count = answer.fields["count"]
            self._kept.page_counts.put(key, count)
        return count

    def _ask(self, medium: Media, request: dict[str, Any]) -> Answer:
        """The answer. Raises RequestError."""
        name = "image" if medium.kind == "image" else "document"
        try:
            return self._process.ask(request, self._deadline)
        except RefusalError as error:
            raise RequestError(error.message, medium.param, error.kind) from error
        except EndedError as error:
            log(f"The process that decodes was lost: the {name} {error}.")
            raise RequestError(f"The {name} {error}.", medium.param, "media") from error
        except UnavailableError as error:
            log(f"The process that decodes images could not be started: {error}")
            raise RequestError(f"The {name} could not be decoded now.", medium.param, "internal") from error
