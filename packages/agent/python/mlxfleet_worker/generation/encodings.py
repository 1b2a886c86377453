"""Images of prompts on their way into the batch."""

import time
from collections import deque
from collections.abc import Sequence
from typing import Any, NamedTuple

import mlx.core as mx

from ..model.image_prompt import SeeingModel
from .request import Request
from .request_prefixes import RequestPrefixes


class Failure(NamedTuple):
    """A request whose images cannot be encoded."""

    request: Request
    error: Exception


class Encodings:
    """What the model makes of images, bit by bit between decoding steps. For the engine thread."""

    def __init__(self, seeing: SeeingModel | None, prefixes: RequestPrefixes) -> None:
        """Take the model where it is shown images; images that a kept prefix holds need not be encoded."""
        self._seeing = seeing
        self._prefixes = prefixes
        self._lanes = seeing.lanes if seeing else 0

    def go_on(self, requests: Sequence[Request], until: float) -> list[Failure]:
        """Work on the images of the first of these prompts, a slice of each at a time, until that `time.perf_counter`.

        `is_encoded` of a request tells when there is no more to do. Returns those whose images cannot be encoded.
        """
        failures: list[Failure] = []
        left = deque(request for request in requests if not request.is_encoded)
        lanes: list[Request] = []
        while time.perf_counter() < until:
            lanes = [request for request in lanes if not request.is_encoded]
            while left and len(lanes) < self._lanes:
                lanes.append(left.popleft())
            parts: list[mx.array] = []
            for request in lanes:
                # One prompt with several images may need them all.
                if len(parts) < self._lanes:
                    parts += self._next(request, failures)
            if parts:
                mx.eval(parts)
            elif not any(request.is_encoded for request in lanes):
                # None is left, or all wait for others that are at the same images.
                break
        return failures

    def _next(self, request: Request, failures: list[Failure]) -> list[mx.array]:
        """The next slices of a prompt's images; none where there are none, now or at all."""
        assert request.images is not None
        assert self._seeing is not None
        try:
            if request.encoding is None:
                request.encoding = self._seeing.encode_images(request.images, self._prefixes.known_length(request))
            return next(request.encoding)
        except StopIteration:
            request.is_encoded = True
        except Exception as error:
            request.is_encoded = True
            failures.append(Failure(request, error))
        return []

    def show(self, request: Request, caches: list[Any], known: int) -> bool:
        """Give the caches of a prompt its images behind the first `known` tokens.

        False where they are to be encoded once more: a prefix that held them then has been given up meanwhile.
        """
        if request.images is None or self._seeing is None:
            return True
        if not self._seeing.has_encoded(request.images, known):
            request.encoding, request.is_encoded = None, False
            return False
        self._seeing.place(caches, request.images)
        return True

    def end(self, request: Request) -> None:
        """Give up what only the prefill of a prompt needs."""
        if request.images is not None and self._seeing is not None:
            self._seeing.forget_embeddings(request.images)

    def shrink(self, limit: int) -> None:
        """Keep at most so many bytes of what was made of images for now."""
        if self._seeing is not None:
            self._seeing.shrink_features(limit)
