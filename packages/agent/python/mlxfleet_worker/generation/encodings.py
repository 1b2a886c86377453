"""Images of prompts on their way into the batch."""

import time
from typing import Any

from ..model.image_prompt import SeeingModel
from .request import Request
from .request_prefixes import RequestPrefixes


class Encodings:
    """What the model makes of images, bit by bit between decoding steps. For the engine thread."""

    def __init__(self, seeing: SeeingModel | None, prefixes: RequestPrefixes) -> None:
        """Take the model where it is shown images; images that a kept prefix holds need not be encoded."""
        self._seeing = seeing
        self._prefixes = prefixes

    def goes_on_for(self, request: Request, until: float) -> bool:
        """Work on a prompt's images, a slice at a time, until `time.perf_counter` says so; whether there is more to do.

        Raises whatever is wrong with them.
        """
        if request.images is None or self._seeing is None:
            return False
        if request.encoding is None:
            request.encoding = self._seeing.encode_images(request.images, self._prefixes.known_length(request))
        while time.perf_counter() < until:
            if next(request.encoding, self) is self:
                return False
        return True

    def show(self, request: Request, caches: list[Any], known: int) -> None:
        """Give the caches of a prompt its images behind the first `known` tokens.

        Those too that were known when they were encoded, and have been given up meanwhile.
        """
        if request.images is None or self._seeing is None:
            return
        for _ in self._seeing.encode_images(request.images, known):
            pass
        self._seeing.place(caches, request.images)

    def end(self, request: Request) -> None:
        """Give up what only the prefill of a prompt needs."""
        if request.images is not None and self._seeing is not None:
            self._seeing.forget_images(request.images)

    def forget(self) -> None:
        """Give up all that is kept of images."""
        if self._seeing is not None:
            self._seeing.forget_images()
